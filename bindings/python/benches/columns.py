#!/usr/bin/env python3
"""What Python adds to planning a million rows: the ratio to the same call in Rust.

    python benches/columns.py [--rows N] [--runs N]

builds `examples/columns.rs` as the package is built, and writes columns of whole numbers to files.
Then both plan them in turn, each run in a process of its own that reads the files first. The clock
runs from columns (in Python arrays of NumPy, in Rust vectors) to the plan; both name the tensors
"0", "1", ..., and end the search at once, so that it hides nothing. Needs the package built for
release, and NumPy.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import orionrt

COLUMNS = ("lower", "upper", "size")
PACKAGE = pathlib.Path(__file__).resolve().parent.parent


def write_columns(folder: pathlib.Path, rows: int) -> None:
    """Lifetimes of 1 to 13 steps, four of which begin at each step."""
    index = np.arange(rows)
    lower = index // 4
    columns = (lower, lower + 1 + index % 13, 64 * (1 + index * 7919 % 1000))
    for name, column in zip(COLUMNS, columns, strict=True):
        column.astype("<i8").tofile(folder / name)


def plan_once(folder: pathlib.Path) -> None:
    """What `examples/columns.rs` does."""
    columns = {name: np.fromfile(folder / name, "<i8") for name in COLUMNS}
    start = time.perf_counter()
    plan = orionrt.plan(columns, nodes=1)
    print(f"{time.perf_counter() - start:.6f} {plan.peak}")


def built() -> str:
    """The path of the program that Cargo makes of `examples/columns.rs`."""
    command = ["cargo", "build", "--release", "--example", "columns", "--message-format=json"]
    done = subprocess.run(command, cwd=PACKAGE, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    (program,) = [
        message["executable"]
        for message in messages
        if message["reason"] == "compiler-artifact" and message["executable"]
    ]
    return str(program)


def measure(command: list[str]) -> tuple[float, int]:
    """The seconds and the peak that a program prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def main() -> None:
    """Print the times and their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--once", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once is not None:
        plan_once(arguments.once)
        return
    times: dict[str, list[float]] = {"Rust": [], "Python": []}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_columns(folder, arguments.rows)
        rust = [built(), name]
        python = [sys.executable, __file__, "--once", name]
        for _ in range(arguments.runs):
            (fast, expected), (slow, peak) = measure(rust), measure(python)
            if peak != expected:
                sys.exit(f"Python's plan has a peak of {peak} bytes, expected {expected}")
            times["Rust"].append(fast)
            times["Python"].append(slow)
    for language, seconds in times.items():
        low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
        print(f"{language:6}  {middle:.3f} s  (quartiles {low:.3f} to {high:.3f})")
    ratios = [slow / fast for fast, slow in zip(times["Rust"], times["Python"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    print(f"ratio   {middle:.3f}    (quartiles {low:.3f} to {high:.3f}, {len(ratios)} runs)")


if __name__ == "__main__":
    main()
