#!/usr/bin/env python3
"""Solves the same problems with MiniMalloc and with this library, one after the other.

usage: minimalloc_compare.py FOLDER [--runs N] [--timeout SECONDS] [--minimize]

FOLDER has problems as MiniMalloc publishes them, in benchmarks/challenging: CSV files whose names
end with the capacity, such as A.1048576.csv. Both solvers run in turn, from the same interface and
with the same limit of time; a time is the median of the runs, and a dash stands for no solution.
Every solution is validated, by the one that found it and by this library. Without MiniMalloc its
columns are empty; the README of this package says how to build it.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import statistics
import sys
import time
from typing import Any

import orionrt.compat.minimalloc as ours


def solve(
    module: Any, path: pathlib.Path, capacity: int, arguments: argparse.Namespace
) -> tuple[int | None, float]:
    """One run: the height, or None, and the seconds without reading the file."""
    problem = module.from_csv_file(path)
    problem.capacity = capacity
    params = module.SolverParams()
    params.timeout = arguments.timeout
    params.minimize_capacity = arguments.minimize
    solver = module.Solver(params)
    start = time.perf_counter()
    solution = solver.solve(problem)
    seconds = time.perf_counter() - start
    if solution is None:
        return None, seconds
    check(module, problem, solution)
    if module is not ours:
        copy = ours.Problem(buffers_of(path), capacity)
        check(ours, copy, ours.Solution(list(solution.offsets), solution.height))
    return solution.height, seconds


def check(module: Any, problem: Any, solution: Any) -> None:
    result = module.validate(problem, solution)
    if result != module.ValidationResult.GOOD:
        sys.exit(f"{module.__name__} found a solution that is {result.name}")


def buffers_of(path: pathlib.Path) -> list[ours.Buffer]:
    problem = ours.from_csv_file(path)
    if problem is None:
        sys.exit(f"{path} is no problem")
    return problem.buffers


def capacity_of(path: pathlib.Path) -> int | None:
    """The number before the suffix of a name such as A.1048576.csv."""
    digits = path.stem.rpartition(".")[2]
    return int(digits) if digits.isdigit() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=60.0, help="limit of a run in seconds")
    parser.add_argument("--minimize", action="store_true", help="find the lowest solution")
    arguments = parser.parse_args()
    modules: list[Any] = [ours]
    try:
        modules.append(importlib.import_module("minimalloc"))
    except ImportError:
        print("MiniMalloc is not installed: its columns are empty", file=sys.stderr)
    found = sorted((path, capacity_of(path)) for path in arguments.folder.glob("*.csv"))
    problems = [(path, capacity) for path, capacity in found if capacity is not None]
    if not problems:
        sys.exit(f"{arguments.folder} has no problems such as A.1048576.csv")
    print("| problem | buffers | capacity | height | seconds | MiniMalloc: height | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for path, capacity in problems:
        runs: dict[Any, list[tuple[int | None, float]]] = {module: [] for module in modules}
        for _ in range(arguments.runs):
            for module in modules:
                runs[module].append(solve(module, path, capacity, arguments))
        cells = [path.name.partition(".")[0], str(len(buffers_of(path)))]
        cells.append(f"{capacity:,}")
        for results in runs.values():
            heights = [height for height, _ in results if height is not None]
            cells.append(f"{max(heights):,}" if len(heights) == len(results) else "-")
            cells.append(f"{statistics.median(seconds for _, seconds in results):.3f}")
        cells += [""] * (7 - len(cells))
        print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
