#!/usr/bin/env python3
"""Checks that a library exports exactly the functions that its header declares.

    symbols.py NM LIBRARY HEADER MODELS

MODELS is 1 if the library reads model files.
"""

import re
import subprocess
import sys


def exported(nm, library):
    """The names of all symbols that other programs can see."""
    command = [nm, "--dynamic", "--defined-only", library]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in listed.splitlines()}


def declared(header, models):
    """The functions of a header."""
    text = open(header, encoding="utf-8").read()
    if not models:
        text = re.sub(r"#if defined\(ORIONRT_MODELS\)\n.*?\n#endif", "", text, flags=re.S)
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    return set(re.findall(r"\b(orionrt_\w+)\(", text))


def main():
    nm, library, header, models = sys.argv[1:]
    has, promises = exported(nm, library), declared(header, models == "1")
    faults = [f"{name} is exported, but not in the header" for name in sorted(has - promises)]
    faults += [f"{name} is in the header, but not exported" for name in sorted(promises - has)]
    if len(promises) < 50:
        faults.append(f"the header has {len(promises)} functions, expected at least 50")
    print("\n".join(faults) or f"{len(has)} functions, all in the header", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
