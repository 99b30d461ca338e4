#!/usr/bin/env python3
"""Runs the test suites of well-known crates with OrionRT as their global allocator.

Each crate's published source is copied to target/suites, every test program in it is made to link
suites/inject, which installs the allocator, and `cargo test` runs them. A suite passes when its
tests pass and every program reports, as it exits, that OrionRT has served its allocations. Debug
assertions and overflow checks are on, OrionRT's own too.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
INJECT = ROOT / "suites" / "inject"
WORK = ROOT / "target" / "suites"
# A suite takes a minute; one on a deadlocked allocator would never end.
LIMIT_SECONDS = 600

EXAMPLES = """examples:
  python3 .ci/suites.py
  python3 .ci/suites.py --only rayon-core --only papaya
  python3 .ci/suites.py --in-turn 4              # as CI does
  python3 .ci/suites.py --only rayon --system    # does it fail without OrionRT too?

RUST_TEST_THREADS sets how many tests of a program run at once."""


@dataclasses.dataclass(frozen=True)
class Suite:
    """A published crate and which of its tests run; exceptions map a name to its reason."""

    name: str
    version: str
    features: str = ""
    skipped_targets: dict = dataclasses.field(default_factory=dict)
    skipped_tests: dict = dataclasses.field(default_factory=dict)
    # Targets whose own global allocator only counts: its attribute is removed.
    replaced_allocators: dict = dataclasses.field(default_factory=dict)
    # Whether tests marked `#[ignore]` run: they are the ones that work threads hardest.
    also_ignored: bool = False
    # Slow to build, and not needed by any test that runs here.
    unused_dev_dependencies: tuple = ()


SUITES = [
    Suite("hashbrown", "0.17.1", features="rayon serde", unused_dev_dependencies=("criterion",)),
    Suite(
        "crossbeam-channel",
        "0.5.17",
        replaced_allocators={"golang": "counts bytes, which one test compares"},
    ),
    Suite("crossbeam-epoch", "0.9.21", skipped_targets={"loom": "is empty unless built for loom"}),
    Suite("rayon-core", "1.13.0"),
    Suite("rayon", "1.12.0"),
    Suite(
        "papaya",
        "0.2.5",
        skipped_targets={"stress": "takes up to minutes for each of its tests, on any allocator"},
        also_ignored=True,
        unused_dev_dependencies=(
            "base64",
            "criterion",
            "dashmap",
            "hdrhistogram",
            "serde_json",
            "tokio",
        ),
    ),
    Suite("dashmap", "6.2.1", features="rayon"),
    Suite(
        "bytes",
        "1.12.1",
        features="serde",
        skipped_targets={
            "test_bytes_odd_alloc": "is about its own global allocator",
            "test_bytes_vec_alloc": "is about its own global allocator",
        },
    ),
    Suite(
        "serde_json",
        "1.0.154",
        skipped_targets={"compiletest": "needs nightly, and tests messages of the compiler"},
        unused_dev_dependencies=("trybuild",),
    ),
    Suite("smallvec", "1.16.5"),
    Suite("indexmap", "2.14.2", features="rayon"),
]


@dataclasses.dataclass
class Run:
    """One test program: its file name and its counts; `passed` is None if it died early."""

    program: str
    passed: int | None = None
    failed: int = 0
    ignored: int = 0
    skipped: int = 0

    def ran(self):
        """How many tests ended."""
        return (self.passed or 0) + self.failed


class SuiteError(Exception):
    """Why a suite could not be prepared or did not pass."""


def environment(**more):
    """The environment of every cargo run: settings that change the build are fixed or removed."""
    unwanted = ("CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR")
    kept = {key: value for key, value in os.environ.items() if key not in unwanted}
    return kept | {
        # The lints of these crates do not matter here, and denied warnings would stop the build.
        "RUSTFLAGS": "--cap-lints=allow",
        "CARGO_INCREMENTAL": "0",
        "CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS": "fallback",
        "CARGO_TERM_COLOR": "never",
        "CARGO_TERM_QUIET": "false",
        **more,
    }


def metadata(folder, *arguments):
    """The output of `cargo metadata` for the package in `folder`."""
    command = ["cargo", "metadata", "--format-version=1", *arguments]
    run = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    if run.returncode != 0:
        raise SuiteError(f"cargo metadata failed in {folder}:\n{run.stderr.strip()}")
    return json.loads(run.stdout)


def published_source(suite):
    """The folder where cargo has unpacked the crate, downloading it if necessary."""
    scratch = WORK / "fetch" / suite.name
    (scratch / "src").mkdir(parents=True, exist_ok=True)
    (scratch / "src" / "lib.rs").touch()
    (scratch / "Cargo.toml").write_text(
        '[package]\nname = "fetch"\nedition = "2024"\n\n[workspace]\n\n'
        f'[dependencies.{suite.name}]\nversion = "={suite.version}"\ndefault-features = false\n'
    )
    wanted = (suite.name, suite.version)
    packages = metadata(scratch)["packages"]
    (found,) = (p for p in packages if (p["name"], p["version"]) == wanted)
    return pathlib.Path(found["manifest_path"]).parent


def adapted_manifest(manifest, suite, system):
    """The manifest as a workspace of its own, with the injected crate as a dependency.

    What would slow or stop the build is left out.
    """
    dropped = tuple(f"[dev-dependencies.{name}]" for name in suite.unused_dev_dependencies)
    tables = re.split(r"(?m)^(?=\[)", manifest)
    kept = [t for t in tables if not t.startswith(("[workspace]", "[profile.", *dropped))]
    # With the crate's `rust-version`, cargo would choose old versions of its dependencies.
    adapted = re.sub(r"(?m)^rust-version = .*\n", "", "".join(kept))
    adapted += "\n[workspace]\n\n[profile.dev]\ndebug = false\n"
    adapted += '\n[profile.dev.package."*"]\nopt-level = 1\n'
    if not system:
        adapted += f"\n[dev-dependencies.orionrt-inject]\npath = {json.dumps(str(INJECT))}\n"
    return adapted


def test_roots(folder):
    """The library and the integration tests, as cargo sees them."""
    (package,) = metadata(folder, "--no-deps", "--offline")["packages"]
    return [t for t in package["targets"] if t["test"] and {"lib", "rlib", "test"} & set(t["kind"])]


def inject(root):
    """Makes a test program link the injected crate.

    The line goes to the end of the file, which is after its inner attributes.
    """
    path = pathlib.Path(root["src_path"])
    only_in_tests = "" if "test" in root["kind"] else "#[cfg(test)]\n"
    path.write_text(f"{path.read_text()}\n{only_in_tests}extern crate orionrt_inject as _;\n")


def remove_allocator(root):
    """Removes the attribute that makes a counter in the test program its global allocator."""
    path = pathlib.Path(root["src_path"])
    before = path.read_text()
    after = before.replace("#[global_allocator]\n", "")
    if before == after:
        raise SuiteError(f"{path} has no global allocator: the table of suites is out of date")
    path.write_text(after)


def prepared(suite, system):
    """The folder of the adapted copy, renewed if this script has changed, and the roots to run."""
    folder = WORK / f"{suite.name}-{suite.version}{'-system' if system else ''}"
    stamp = folder / ".prepared"
    state = hashlib.sha256(pathlib.Path(__file__).read_bytes() + bytes(INJECT)).hexdigest()
    if not (stamp.exists() and stamp.read_text() == state):
        shutil.rmtree(folder, ignore_errors=True)
        names = ("Cargo.lock", "Cargo.toml.orig", ".cargo*", "rust-toolchain*")
        left_out = shutil.ignore_patterns(*names)
        shutil.copytree(published_source(suite), folder, ignore=left_out)
        manifest = folder / "Cargo.toml"
        manifest.write_text(adapted_manifest(manifest.read_text(), suite, system))
        for root in test_roots(folder):
            if root["name"] in suite.replaced_allocators:
                remove_allocator(root)
            if not system:
                inject(root)
        stamp.write_text(state)
    roots = test_roots(folder)
    unknown = suite.skipped_targets.keys() - {root["name"] for root in roots}
    if unknown:
        names = ", ".join(unknown)
        raise SuiteError(f"no such targets: {names}: the table of suites is out of date")
    return folder, [root for root in roots if root["name"] not in suite.skipped_targets]


def cargo_test(suite, roots):
    """The command. (Without `--exact`, `--skip` skips all tests whose names contain its value.)"""
    command = ["cargo", "test", "--no-fail-fast", "--target-dir", WORK / "target"]
    if suite.features:
        command += ["--features", suite.features]
    for root in roots:
        command += ["--test", root["name"]] if "test" in root["kind"] else ["--lib"]
    command += ["--", "--exact"]
    if suite.also_ignored:
        command.append("--include-ignored")
    for test in suite.skipped_tests:
        command += ["--skip", test]
    return command


def run_limited(command, folder, log, report):
    """Runs with both outputs in `log`; returns the exit status, or None if it hit the limit."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(ORIONRT_INJECT_REPORT=str(report)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(LIMIT_SECONDS)
        except BaseException as end:
            # The whole group: cargo, its test programs and their children.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(end, subprocess.TimeoutExpired):
                return None
            raise


def runs_in(text):
    """The test programs in the output of `cargo test`."""
    _, *pieces = re.split(r"(?m)^ +Running .*\((.+)\)$", text)
    summary = re.compile(
        r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;"
        r" \d+ measured; (\d+) filtered out"
    )
    runs = []
    for path, output in zip(pieces[::2], pieces[1::2]):
        found = summary.search(output)
        runs.append(Run(pathlib.Path(path).name, *map(int, found.groups() if found else ())))
    return runs


def served_in(report):
    """The number of allocations that OrionRT served, by program."""
    served = {}
    for line in report.read_text().splitlines() if report.exists() else ():
        count, path = line.split(" ", 1)
        program = pathlib.Path(path).name
        served[program] = served.get(program, 0) + int(count)
    return served


def problems_of(suite, status, roots, runs, served, system):
    """Why the suite has not passed. (The harness alone allocates something for every test.)"""
    if status is None:
        yield f"ended after {LIMIT_SECONDS} s"
    elif status != 0:
        yield f"cargo test failed with {status}"
    if len(runs) != len(roots):
        yield f"{len(roots)} test programs were to run, {len(runs)} did"
    if not any(run.passed for run in runs):
        yield "no test passed"
    if sum(run.skipped for run in runs) < len(suite.skipped_tests):
        yield "fewer tests were skipped than the table of suites lists: it is out of date"
    for run in runs:
        if run.passed is None:
            yield f"{run.program} died before its summary"
        elif not system and served.get(run.program, 0) <= run.ran():
            yield f"{run.program} did not run on OrionRT"


def run_suite(suite, system):
    """Prepares and runs one suite and prints its line; raises if it did not pass."""
    begin = time.monotonic()
    folder, roots = prepared(suite, system)
    log, report = (WORK / f"{folder.name}.{kind}" for kind in ("log", "report"))
    report.unlink(missing_ok=True)
    status = run_limited(cargo_test(suite, roots), folder, log, report)
    runs, served = runs_in(log.read_text(errors="replace")), served_in(report)
    print_line(suite, runs, served, time.monotonic() - begin)
    problems = list(problems_of(suite, status, roots, runs, served, system))
    if problems:
        tail = log.read_text(errors="replace").splitlines()[-60:]
        where = f"all of its output: {log.relative_to(ROOT)}"
        raise SuiteError("\n".join([*tail, *problems, where]))


def print_line(suite, runs, served, seconds):
    """Prints a line for the suite, and one for each exception from running it as published."""

    def total(count):
        return sum(getattr(run, count) or 0 for run in runs)

    passed, failed, ignored = map(total, ("passed", "failed", "ignored"))
    print(
        f"{suite.name:18} {suite.version:9} {len(runs):>8} {passed:>7} {failed:>7} {ignored:>8}"
        f" {sum(served.values()):>12} {seconds:>8.1f}"
    )
    for name, reason in suite.skipped_targets.items():
        print(f"    not run: all of {name}, which {reason}")
    for name, reason in suite.skipped_tests.items():
        print(f"    not run: test {name}, which {reason}")
    for name, reason in suite.replaced_allocators.items():
        print(f"    changed: {name} loses its own global allocator, which {reason}")
    sys.stdout.flush()


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [suite.name for suite in SUITES]
    option = parser.add_argument
    option(
        "--only",
        metavar="NAME",
        action="append",
        choices=names,
        help="run this suite (may be repeated)",
    )
    option(
        "--in-turn",
        metavar="N",
        type=int,
        choices=range(1, len(SUITES) + 1),
        help="run N suites, others after each commit",
    )
    option("--keep-going", action="store_true", help="go on after a suite has failed")
    option("--system", action="store_true", help="run the tests on the system's allocator instead")
    return parser.parse_args()


def in_turn(count):
    """So many suites; which ones depends on the time of the commit, so that all have their turn."""
    command = ["git", "log", "-1", "--format=%ct"]
    try:
        seconds = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False).stdout
    except OSError:
        seconds = b""
    # Without git, those that come first.
    first = int(seconds or 0) % len(SUITES)
    return [SUITES[(first + more) % len(SUITES)] for more in range(count)]


def main():
    """Runs the chosen suites; returns 1 if one failed."""
    chosen = arguments()
    suites = [suite for suite in SUITES if not chosen.only or suite.name in chosen.only]
    if chosen.in_turn:
        suites = in_turn(chosen.in_turn)
    allocator = "the system's" if chosen.system else "OrionRT"
    print(f"global allocator: {allocator}; unit and integration tests, no doc tests")
    print(
        f"{'crate':18} {'version':9} {'programs':>8} {'passed':>7} {'failed':>7} {'ignored':>8}"
        f" {'allocations':>12} {'seconds':>8}"
    )
    failed = []
    for suite in suites:
        try:
            run_suite(suite, chosen.system)
        except SuiteError as error:
            failed.append(suite.name)
            print(f"{error}\n{suite.name} {suite.version} FAILED", flush=True)
            if not chosen.keep_going:
                break
    print(f"failed: {', '.join(failed)}" if failed else f"{len(suites)} suites passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
