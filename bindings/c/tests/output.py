#!/usr/bin/env python3
"""Runs a program, which must succeed and print exactly what a file has.

    output.py EXPECTED INPUT COMMAND...

INPUT is a file that the program reads as its standard input.
"""

import difflib
import subprocess
import sys
from pathlib import Path


def main():
    expected, given, *command = sys.argv[1:]
    with open(given, encoding="utf-8") as text:
        done = subprocess.run(command, stdin=text, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[-1]} ended with {done.returncode}; expected 0")
    lines = [text.splitlines() for text in (Path(expected).read_text(), done.stdout)]
    difference = "\n".join(difflib.unified_diff(*lines, expected, "printed", lineterm=""))
    sys.exit(difference or 0)


if __name__ == "__main__":
    main()
