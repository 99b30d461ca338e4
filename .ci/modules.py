#!/usr/bin/env python3
"""Draws which source file uses which, crate by crate, and fails where a file looks upwards.

The order is that of the `mod` lists: a file uses only what is defined in files above it in the list
of its own directory, or above its directory in the list of the parent. What a `mod.rs` or `lib.rs`
itself defines stands above none of its children, so those never use it. Names are followed through
re-exports to the file that defines them. Test modules are exempt.

    python3 .ci/modules.py              the drawing as text, and the check
    python3 .ci/modules.py --dot        the drawing for Graphviz (| dot -Tsvg)
    python3 .ci/modules.py --quiet      the check alone

Paths are found in the text: `use` declarations, and paths that begin with `crate`, `super` or
`self`. Methods are not followed to the file of their `impl` block.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ITEM = re.compile(
    r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:(?:unsafe|const|async|auto)\s+)*(?:extern\s+\"[^\"]*\"\s+)?"
    r"(?:struct|enum|trait|fn|type|const|static|union|macro_rules!)\s+(?:mut\s+)?(\w+)",
    re.M,
)
MODULE = re.compile(
    r"((?:^\s*#\[[^\n]*\]\s*\n)*)^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", re.M
)
USE = re.compile(r"^\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", re.M)
PATH = re.compile(r"\b(?:crate|super|self)(?:::\w+)+")
TEST_BLOCK = re.compile(
    r"#\[cfg\((?:all\()?test\b[^\n]*\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*\{"
)
INLINE = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*\{", re.M)


@dataclass(eq=False)
class Module:
    """A source file, its place in the tree, and what its text says."""

    name: str
    file: Path
    parent: "Module | None"
    text: str = ""
    children: dict = field(default_factory=dict)

    def path(self):
        """The modules from the root of the crate down to this one."""
        return (self.parent.path() if self.parent else []) + [self]

    def label(self):
        return "::".join(m.name for m in self.path())


# One pass, so that quotes in comments and comment marks in strings are not taken for what they are
# elsewhere.
COMMENT_OR_LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|"(?:[^"\\]|\\.)*"' r"|'(?:\\.[^'\n]*|[^'\\\n])'",
    re.S,
)


def without_comments(text):
    """The code without comments, contents of literals and test modules."""
    text = COMMENT_OR_LITERAL.sub(lambda found: "" if found.group().startswith("/") else '""', text)
    while found := TEST_BLOCK.search(text):
        text = text[: found.start()] + text[end_of_block(text, found.end()) :]
    return text


def end_of_block(text, start):
    depth = 1
    while depth and start < len(text):
        depth += {"{": 1, "}": -1}.get(text[start], 0)
        start += 1
    return start


def load(name, file, parent):
    """The module of a file and of all files below it."""
    raw = file.read_text(encoding="utf-8")
    module = Module(name, file, parent, without_comments(raw))
    folder = file.parent if file.name in ("mod.rs", "lib.rs", "main.rs") else file.with_suffix("")
    for attributes, child in MODULE.findall(re.sub(r"//[^\n]*", "", raw)):
        if re.search(r"cfg\((?:all\()?test\b|cfg\(loom\)", attributes):
            continue
        for candidate in (folder / f"{child}.rs", folder / child / "mod.rs"):
            if candidate.exists():
                module.children[child] = load(child, candidate, module)
                break
        else:
            raise SystemExit(f"{file}: there is no file for `mod {child};`")
    return module


def walk(module):
    yield module
    for child in module.children.values():
        yield from walk(child)


def leaves(tree):
    """The paths of a `use` tree: `a::{b, c::{d}}` is `a::b` and `a::c::d`."""
    tree = re.sub(r"\s+", " ", tree).strip()
    brace = tree.find("{")
    if brace < 0:
        return [re.sub(r"\s+as\s+\w+$", "", tree)]
    prefix, inner = tree[:brace], tree[brace + 1 : tree.rfind("}")]
    parts, depth, current = [], 0, ""
    for c in inner:
        depth += {"{": 1, "}": -1}.get(c, 0)
        if c == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += c
    parts.append(current)
    return [prefix + leaf for part in parts if part.strip() for leaf in leaves(part)]


def inside_inline(text, position):
    """How many inline modules enclose a position: `super` there is one step shorter."""
    depth = 0
    for found in INLINE.finditer(text):
        if found.end() <= position < end_of_block(text, found.end()):
            depth += 1
    return depth


def resolve(module, segments, inline=0, seen=()):
    """The file that defines what a path names, if it is of this crate."""
    root = module.path()[0]
    here, segments = module, list(segments)
    if segments[0] == "crate":
        here, segments = root, segments[1:]
    elif segments[0] in ("self", "super"):
        while segments and segments[0] in ("self", "super"):
            if segments[0] == "super":
                if inline:
                    inline -= 1
                else:
                    here = here.parent
            if here is None:
                return None
            segments = segments[1:]
    elif segments[0] not in here.children:
        return None
    for position, segment in enumerate(segments):
        if segment in here.children:
            here = here.children[segment]
            continue
        if segment in ("*", "self"):
            return here
        return definition(here, segment, seen)
    return here


def definition(module, name, seen):
    """The file that defines a name which a module has: itself, or where it re-exports it from."""
    if (module, name) in seen:
        return None
    if name in ITEM.findall(module.text):
        return module
    for _, tree in USE.findall(module.text):
        for leaf in leaves(tree):
            segments = leaf.split("::")
            if segments[-1] == name or segments[-1] == "*":
                path = segments[:-1] + [name] if segments[-1] == "*" else segments
                found = resolve(module, path, seen=(*seen, (module, name)))
                if found and (segments[-1] != "*" or found is not module):
                    return found
    # An exported macro is named by the root, and defined elsewhere.
    exported = re.compile(rf"#\[macro_export\]\s*macro_rules!\s+{re.escape(name)}\b")
    root = module.path()[0]
    return next((file for file in walk(root) if exported.search(file.text)), module)


def uses(module):
    """The files whose definitions a file uses, with the path that says so."""
    found = {}
    paths = []
    for match in USE.finditer(module.text):
        # A re-export hands on what is below; it is no use of it.
        inline = inside_inline(module.text, match.start())
        paths += [(leaf.split("::"), inline) for leaf in leaves(match.group(2))]
    body = USE.sub("", module.text)
    for match in PATH.finditer(body):
        paths.append((match.group().split("::"), inside_inline(body, match.start())))
    for segments, inline in paths:
        target = resolve(module, segments, inline)
        if target and target is not module:
            found.setdefault(target, "::".join(segments))
    return found


def looks_upwards(user, used):
    """Why a use is against the order, or nothing."""
    a, b = user.path(), used.path()
    common = 0
    while common < min(len(a), len(b)) and a[common] is b[common]:
        common += 1
    if common == len(b):
        return "its parent's own file defines it"
    if common == len(a):
        return None
    order = list(a[common - 1].children.values())
    if order.index(b[common]) > order.index(a[common]):
        return f"`{b[common].name}` is listed below `{a[common].name}` in {a[common - 1].file}"
    return None


def main():
    quiet, dot = "--quiet" in sys.argv, "--dot" in sys.argv
    top = Path(__file__).resolve().parent.parent
    faults = []
    if dot:
        print("digraph modules {\n  rankdir=LR; node [shape=box, fontname=monospace];")
    for manifest in sorted(top.glob("crates/*/Cargo.toml")) + [
        top / "bindings/c/Cargo.toml",
        top / "Cargo.toml",
        top / "cli/Cargo.toml",
        top / "bindings/python/Cargo.toml",
    ]:
        name = re.search(r'^name = "([^"]+)"', manifest.read_text(), re.M).group(1)
        lib = manifest.parent / "src/lib.rs"
        if not lib.exists():
            continue
        root = load(name.replace("-", "_"), lib, None)
        if not quiet and not dot:
            print(f"\n{name}")
        for module in walk(root):
            targets = uses(module)
            for target, path in targets.items():
                if why := looks_upwards(module, target):
                    faults.append(f"{module.file.relative_to(top)} uses `{path}`: {why}")
            labels = [t.label().split("::", 1)[-1] for t in targets]
            if dot:
                for target in targets:
                    print(f'  "{target.label()}" -> "{module.label()}";')
            elif not quiet and module is not root:
                indent = "  " * (len(module.path()) - 1)
                print(f"{indent}{module.name:24} {', '.join(sorted(labels))}".rstrip())
    if dot:
        print("}")
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
