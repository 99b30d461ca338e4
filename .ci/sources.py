#!/usr/bin/env python3
"""Checks what no compiler checks: widths of lines, doc comments that lean on another page, links.

Source lines in Rust, Python, C and C++ have at most 100 columns (characters), and so have lines of
Markdown outside of tables and code. A doc comment makes sense on its own page: none opens with "The
same" or "As above". Relative links in Markdown lead to a file of the repository, and their anchors
to a heading. The README has at most 8 KiB.
"""

import re
import subprocess
import sys
from pathlib import Path

COLUMNS = 100
README_BYTES = 8 * 1024
SOURCES = (".rs", ".py", ".pyi", ".c", ".cpp", ".h", ".hpp", ".cu", ".wgsl")
# By cbindgen, which has its own idea of a line.
MADE = Path("bindings/c/include/orionrt/plan.h")
TOP = Path(__file__).resolve().parent.parent
LEANS = re.compile(r"^\s*//[/!] (The same\b|As above\b|Ditto\b)")
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]:\s*(\S+)", re.M)


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True, capture_output=True
    )
    names = (TOP / name for name in listed.stdout.decode().splitlines())
    return [path for path in names if path.exists()]


def source(path, text):
    """What is wrong with the lines of a source file."""
    previous = ""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > COLUMNS:
            yield f"{path}:{number}: {len(line)} columns, the limit is {COLUMNS}"
        begins = not re.match(r"\s*//[/!]", previous) or previous.strip() in ("///", "//!")
        if begins and LEANS.match(line):
            yield f"{path}:{number}: a doc comment that cannot be read on its own page"
        previous = line


def prose(text):
    """The lines of a Markdown file that are neither code nor a table, with their numbers."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.lstrip().startswith("|"):
            yield number, line


def anchors(text):
    """The anchors of the headings, as GitHub and docs.rs make them."""
    headings = (line.lstrip("#").strip() for _, line in prose(text) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def markdown(path, text):
    """What is wrong with a Markdown file."""
    lines = list(prose(text))
    for number, line in lines:
        if len(line) > COLUMNS and "](" not in line and "http" not in line:
            yield f"{path}:{number}: {len(line)} columns, the limit is {COLUMNS}"
    for found in LINK.finditer("\n".join(line for _, line in lines)):
        link = found.group(1) or found.group(2)
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (TOP / path).parent / file if file else TOP / path
        if not target.exists():
            yield f"{path}: the link {link} leads nowhere"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            yield f"{path}: {link}: there is no such heading"


def main():
    faults = []
    for file in tracked():
        path = file.relative_to(TOP)
        is_script = file.parent.name == ".ci" and not file.suffix
        if (file.suffix in SOURCES or is_script) and path != MADE:
            faults += source(path, file.read_text(encoding="utf-8"))
        elif file.suffix == ".md":
            faults += markdown(path, file.read_text(encoding="utf-8"))
    size = (TOP / "README.md").stat().st_size
    if size > README_BYTES:
        faults.append(f"README.md: {size} bytes, the limit is {README_BYTES}")
    print("\n".join(faults), file=sys.stderr if faults else sys.stdout, end="\n" if faults else "")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
