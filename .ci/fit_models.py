#!/usr/bin/env python3
"""Fits models into less memory than their peaks, and prints the table of docs/fit.md.

Each model is fitted into several capacities by `orionrt fit --curve`, with a slow memory and
without one. The exit status is 1 if a run fails, or if a row is not that of the given table.

usage: fit_models.py BINARY [--steps N] [--aliasing WHICH] [--published FOLDER] [--table FILE]
                     MODEL...

With --published, models that others published are fetched to the folder and fitted, too. With
--table, each row must be in this file as it is printed: docs/fit.md has those of 8 steps.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import published

# A slow memory with room for all. The planner's limit is one of work, so that every machine gets
# the same answer.
WAYS = (("slow memory", ["--slow", "4G", "--slow-speed", "1.6GB/s"]), ("reruns alone", []))
OPTIONS = ["--nodes", "100000", "--json"]
PUBLISHED = ["rapidocr", "magika", "nudenet", "smart-turn"]
UNITS = ("B", "KiB", "MiB", "GiB")


def fitted(binary, path, options, steps):
    """The program's answer about a model, or why there is none."""
    command = [binary, "fit", path, f"--curve={steps}", *options, *OPTIONS]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        return None, done.stderr.strip()
    return json.loads(done.stdout), None


def size(number):
    """`9633792` as `9.19 MiB`."""
    unit = 0
    while number >= 1023.5 and unit + 1 < len(UNITS):
        number, unit = number / 1024, unit + 1
    return f"{number:.3g} {UNITS[unit]}"


def percent(number):
    return "" if number is None else f"{number:.0f} %"


def cells(answer):
    """What a curve says: the capacities for 5 % and 20 %, the smallest one, and its cost."""
    last = answer["points"][-1]
    limits = [percent(limit["peak_percent"]) for limit in answer["limits"]]
    return [*limits, f"{percent(last['peak_percent'])} at {percent(last['added_percent'])}"]


def models(arguments):
    """Name, path and options of each model."""
    for path in arguments.models:
        yield path.stem.removeprefix("light_"), path, []
    if arguments.published is None:
        return
    chosen = published.select(published.ONNX, PUBLISHED)
    # Of rapidocr, the detector.
    chosen = [model for model in chosen if model.package != "rapidocr" or "det" in model.file]
    published.fetch(arguments.published, chosen)
    for model in chosen:
        path = model.path(arguments.published)
        yield f"{model.package}: {path.stem}", path, model.options


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("models", type=pathlib.Path, nargs="+")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--aliasing", choices=("off", "views", "in-place"), default="in-place")
    parser.add_argument("--published", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path)
    arguments = parser.parse_args()
    table = arguments.table and arguments.table.read_text(encoding="utf-8").splitlines()
    ways = [name for name, _ in WAYS]
    columns = [f"{way}: {what}" for way in ways for what in ("≤ 5 %", "≤ 20 %", "smallest")]
    print("| model | operators | peak |", " | ".join(columns), "|")
    print("| --- |" + " ---: |" * (2 + len(columns)))
    failed = 0
    for name, path, options in models(arguments):
        row = []
        for _, way in WAYS:
            way = [*options, *way, "--aliasing", arguments.aliasing]
            answer, error = fitted(arguments.binary, path, way, arguments.steps)
            if error:
                failed += 1
                print(f"{name}: {error}", file=sys.stderr)
                break
            row = row or [name, str(answer["operators"]), size(answer["peak_before"])]
            row += cells(answer)
        else:
            line = f"| {' | '.join(row)} |"
            print(line, flush=True)
            if table is not None and line not in table:
                failed += 1
                print(f"{name}: {arguments.table} has another row", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
