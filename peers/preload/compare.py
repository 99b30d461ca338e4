#!/usr/bin/env python3
"""Unmodified programs on liborionrt.so and on the allocators that Debian packages, in turns.

    apt-get install libmimalloc2.0 libjemalloc2 libtcmalloc-minimal4 redis-server lua5.4 gawk \
        perl nodejs ripgrep sqlite3 g++
    python3 peers/preload/compare.py                  9 rounds of everything that is installed
    python3 peers/preload/compare.py --rounds 3 --only sqlite --only redis
    python3 peers/preload/compare.py --json >runs.json       every run, for later
    python3 peers/preload/compare.py --runs runs.json        the table of those runs

A program that is not installed is named and left out. In each round every program runs once on
every heap; the first heap changes from round to round. CPU time is user and system time of the
program and its children, memory the most resident memory of any one process. Shown are medians,
the first heap's ratio to the best of the others, and its spread: the middle half of its runs, as a
share of their median.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOADS = HERE / "loads"
LIBRARIES = pathlib.Path("/usr/lib") / f"{os.uname().machine}-linux-gnu"
HEAPS = {
    "orionrt": ROOT / "target" / "release" / "liborionrt.so",
    "glibc": None,
    "mimalloc": LIBRARIES / "libmimalloc.so.2.0",
    "jemalloc": LIBRARIES / "libjemalloc.so.2",
    "tcmalloc": LIBRARIES / "libtcmalloc_minimal.so.4",
}


@dataclasses.dataclass
class Program:
    """A command, and what it needs in its environment."""

    name: str
    command: list
    environment: dict = dataclasses.field(default_factory=dict)

    def missing(self):
        """The program that is not installed, if one is not."""
        return None if shutil.which(str(self.command[0])) else self.command[0]

    def run(self, measure, library):
        """Runs it once; returns CPU seconds and bytes."""
        started = Started(measure, library, self.command, self.environment)
        return started.used()


class Redis(Program):
    """A server, which is measured, and a client, which is not."""

    def missing(self):
        return super().missing() or (None if shutil.which("redis-benchmark") else "redis-benchmark")

    def run(self, measure, library):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        server = Started(measure, library, [*self.command, "--port", port], {})
        for _ in range(100):
            time.sleep(0.05)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                    break
        client = ["redis-benchmark", "-p", port, "-q", "-n", "60000", "-r", "20000", "-d", "200",
                  "-t", "set,get,lpush,hset,zadd"]
        subprocess.run(client, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["redis-cli", "-p", port, "shutdown", "nosave"], check=True)
        return server.used()


class Started:
    """A command that runs on a heap, measured by `measure.c`."""

    def __init__(self, measure, library, command, environment):
        self.read, write = os.pipe()
        self.command = [str(word) for word in [measure, library or "", *command]]
        # The program writes to the descriptor 3, whatever number it has here.
        shell = ["sh", "-c", f'exec 3>&{write} {write}>&-; exec "$@"', "sh", *self.command]
        self.process = subprocess.Popen(
            shell, env={**os.environ, **environment}, pass_fds=[write],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        os.close(write)

    def used(self):
        """CPU seconds and bytes, once it has ended."""
        with os.fdopen(self.read) as pipe:
            figures = pipe.read().split()
        if self.process.wait():
            raise RuntimeError(f"{self.command}: status {self.process.returncode}")
        return float(figures[0]), int(figures[1]) * 1024


def compiled(scratch, source):
    """A program in C, as it is compiled into the folder."""
    program = scratch / source.stem
    subprocess.run(["cc", "-O2", "-pthread", source, "-o", program], check=True)
    return program


def programs(scratch):
    """All programs; what they read is made in a folder of its own."""
    blocks = compiled(scratch, LOADS / "blocks.c")
    packages = ROOT / "target" / "python"
    light = packages / "onnx" / "backend" / "test" / "data" / "light"
    python = [sys.executable]
    every = [Program(load, [blocks, load]) for load in ("larson", "handover", "sizes", "mixed")]
    every += [
        Program("python", [*python, LOADS / "objects.py"]),
        Program("python on malloc", [*python, LOADS / "objects.py"], {"PYTHONMALLOC": "malloc"}),
        Program("perl", ["perl", LOADS / "hashes.pl"]),
        Program("gawk", ["gawk", "-f", LOADS / "arrays.awk"]),
        Program("lua", ["lua5.4", LOADS / "tables.lua"]),
        Program("node", ["node", LOADS / "objects.js"]),
        Program("sqlite", ["sqlite3", ":memory:", f".read {LOADS / 'rows.sql'}"]),
        Program("c++", ["c++", "-std=c++17", "-O1", "-c", LOADS / "classes.cpp", "-o", os.devnull]),
        Program("ripgrep", ["rg", "-c", "--no-ignore", "-j2", "[a-z]+_alloc|free\\w+",
                            "/usr/include", "/usr/share"]),
        Redis("redis", ["redis-server", "--save", "", "--appendonly", "no", "--dir", scratch]),
    ]
    for model in ("light_squeezenet", "light_shufflenet"):
        file = light / f"{model}.onnx"
        if file.exists() and (packages / "onnxruntime").exists():
            every.append(Program(
                f"onnxruntime {model.removeprefix('light_')}",
                [*python, LOADS / "inference.py", file, 40], {"PYTHONPATH": str(packages)}))
    return every


def spread(runs, which):
    """The distance between the quartiles of CPU time (0) or memory (1), as a share of the
    median."""
    values = [run[which] for run in runs]
    if len(values) < 2:
        return 0.0
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive")
    return (upper - lower) / middle


def table(results, heaps):
    """Medians; ratios of the first heap to the best of the others, and its spread."""
    head = "".join(f"{heap:>10}" for heap in heaps) + f"{'ratio':>8}{'spread':>8}"
    lines = [f"{'CPU seconds':24}{head}"]
    ratios = {0: [], 1: []}
    for which, title in ((0, None), (1, f"{'MiB at most':24}")):
        if title:
            lines.append(title)
        for name, runs in results.items():
            medians = [statistics.median(run[which] for run in runs[heap]) for heap in heaps]
            others = medians[1:]
            ratio = medians[0] / min(others) if others else 1.0
            ratios[which].append(ratio)
            shown = medians if which == 0 else [median / 2**20 for median in medians]
            form = "10.3f" if which == 0 else "10.1f"
            figures = "".join(f"{one:{form}}" for one in shown)
            lines.append(f"{name:24}{figures}{ratio:8.2f}{spread(runs[heaps[0]], which):8.1%}")
        lines.append(f"{'geometric mean':{24 + 10 * len(heaps)}}"
                     f"{statistics.geometric_mean(ratios[which]):8.2f}")
    return "\n".join(lines)


def main():
    """Parses the options, runs everything in turns, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", action="append", metavar="WORD", help="programs with this word")
    parser.add_argument("--heap", action="append", choices=HEAPS, help="these heaps; repeatable")
    parser.add_argument("--json", action="store_true", help="every run, as one JSON object")
    parser.add_argument("--runs", metavar="FILE", help="the table of what --json printed earlier")
    options = parser.parse_args()
    if options.runs:
        results = json.loads(pathlib.Path(options.runs).read_text())
        print(table(results, list(next(iter(results.values())))))
        return
    chosen = [heap for heap in HEAPS if not options.heap or heap in options.heap]
    heaps = [heap for heap in chosen if HEAPS[heap] is None or HEAPS[heap].exists()]
    for heap in chosen:
        if heap not in heaps:
            print(f"left out: {heap}, there is no {HEAPS[heap]}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        wanted = []
        measure = compiled(pathlib.Path(scratch), HERE / "measure.c")
        for program in programs(pathlib.Path(scratch)):
            if options.only and not any(word in program.name for word in options.only):
                continue
            if program.missing():
                print(f"left out: {program.name}, there is no {program.missing()}", file=sys.stderr)
                continue
            wanted.append(program)
        results = {program.name: {heap: [] for heap in heaps} for program in wanted}
        for round_ in range(options.rounds):
            order = heaps[round_ % len(heaps):] + heaps[:round_ % len(heaps)]
            for program in wanted:
                for heap in order:
                    results[program.name][heap].append(program.run(measure, HEAPS[heap]))
            print(f"round {round_ + 1} of {options.rounds}", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps(results))
    else:
        print(table(results, heaps))


if __name__ == "__main__":
    main()
