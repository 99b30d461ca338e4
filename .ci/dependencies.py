#!/usr/bin/env python3
"""Whether dependencies keep to `deny.toml`: their licences, where they are from, and that no crate
of the project stands on two versions of another one.

    .ci/dependencies.py [MANIFEST ...]

`cargo deny` reads the same file, and also knows advisories and what was withdrawn, but takes
minutes to compile; this asks `cargo metadata` alone. It looks at the dependencies of all targets,
with all features, and judges versions without those of tests and macros. Exit status: 0 if all is
well, 1 if not.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
# As `cargo metadata` calls the public registry.
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def metadata(manifest):
    """What `cargo metadata` says of a workspace."""
    command = ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"]
    command += ["--manifest-path", str(manifest)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def is_allowed(expression, allowed):
    """Whether a licence expression holds with the licences that are allowed.

    In SPDX's grammar `AND` binds more tightly than `OR`; an older form of crates has `/` for `OR`.
    """
    tokens = re.findall(r"[()]|[^\s()/]+|/", expression or "")
    tokens = ["OR" if token == "/" else token for token in tokens]

    def either():
        holds = both()
        while tokens[:1] == ["OR"]:
            tokens.pop(0)
            holds |= both()
        return holds

    def both():
        holds = single()
        while tokens[:1] == ["AND"]:
            tokens.pop(0)
            holds &= single()
        return holds

    def single():
        token = tokens.pop(0) if tokens else ""
        if token == "(":
            holds, closed = either(), tokens[:1] == [")"]
            del tokens[:1]
            return holds and closed
        if tokens[:1] == ["WITH"] and len(tokens) > 1:
            token = f"{token} WITH {tokens[1]}"
            del tokens[:2]
        return token in allowed

    return either() and not tokens


def of_packages(packages, allowed):
    """What is wrong with single packages."""
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if package["source"] is None:
            wildcards = [it for it in package["dependencies"] if it["req"] == "*" and it["source"]]
            yield from (f"{name}: any version of {it['name']} would do" for it in wildcards)
            continue
        if package["source"] != REGISTRY:
            yield f"{name}: from {package['source']}, which is not the public registry"
        if not is_allowed(package["license"], allowed):
            yield f"{name}: its licence is {package['license']}, and deny.toml has {allowed}"


def is_needed(dependency):
    """Whether more than tests need it."""
    return any(it["kind"] != "dev" for it in dependency["dep_kinds"])


def of_versions(data, skipped):
    """Which members stand on two versions of one crate, tests aside."""
    names = {package["id"]: package["name"] for package in data["packages"]}
    # What a macro stands on is no part of a program.
    macros = {
        package["id"]
        for package in data["packages"]
        if any("proc-macro" in target["kind"] for target in package["targets"])
    }
    nodes = {node["id"]: node["deps"] for node in data["resolve"]["nodes"]}
    for member in data["workspace_members"]:
        if names[member] in skipped:
            continue
        reached, left = set(), [member]
        while left:
            at = left.pop()
            if at in reached or names[at] in skipped:
                continue
            reached.add(at)
            if at not in macros:
                left += [dep["pkg"] for dep in nodes[at] if is_needed(dep)]
        counts = collections.Counter(names[at] for at in reached)
        for name in sorted(name for name, count in counts.items() if count > 1):
            ids = sorted(at.rsplit("#", 1)[1] for at in reached if names[at] == name)
            yield f"{names[member]}: stands on several versions of {name}: {', '.join(ids)}"


def check_expressions():
    """That expressions are read as they are meant."""
    allowed = {"MIT", "Zlib", "A WITH B"}
    yes = ["MIT", "MIT/GPL", "GPL OR MIT", "(GPL OR X) OR MIT", "(MIT OR X) AND Zlib", "A WITH B"]
    no = ["", "GPL", "MIT AND GPL", "(MIT OR X) AND GPL", "A", "(MIT", "MIT WITH", "MIT Zlib"]
    assert all(is_allowed(expression, allowed) for expression in yes)
    assert not any(is_allowed(expression, allowed) for expression in no)


def main():
    """Checks all manifests."""
    check_expressions()
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    skipped = {it["crate"] for it in rules["bans"]["skip-tree"]}
    wrong, seen = [], 0
    for manifest in sys.argv[1:] or ["Cargo.toml"]:
        data = metadata(ROOT / manifest)
        seen += len(data["packages"])
        wrong += of_packages(data["packages"], rules["licenses"]["allow"])
        wrong += of_versions(data, skipped)
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{seen} packages, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
