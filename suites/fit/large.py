#!/usr/bin/env python3
"""How long `orionrt fit` takes for graphs of 10,000 operators.

    pip install onnx
    python3 suites/fit/large.py target/release/orionrt [--operators 10000]

Three graphs are made: a chain whose first half is read again by its second half, as in a U-Net, and
two random graphs, of which the second reads results that are older. Each is fitted into 90 % and
60 % of its peak, with a slow memory, by reruns alone, and with both. Where a capacity is out of
reach, the program looks for the smallest one that works, which is a search for each capacity that
it tries; the time of that is part of the row.
"""

import argparse
import json
import pathlib
import random
import resource
import subprocess
import tempfile
import time

import onnx
from onnx import TensorProto, helper

FLOATS = 1000
WAYS = {
    "slow memory": ["--slow", "4G", "--no-recompute"],
    "reruns": [],
    "both": ["--slow", "4G"],
}


def saved(path, operands):
    """Writes a model whose operator number i reads the results with the numbers operands[i]."""
    name = lambda at: "x" if at < 0 else f"t{at}"
    kinds = {1: "Sigmoid", 2: "Add"}
    nodes = [
        helper.make_node(kinds[len(reads)], [name(read) for read in reads], [name(at)])
        for at, reads in enumerate(operands)
    ]
    infos = [
        helper.make_tensor_value_info(name(at), TensorProto.FLOAT, [FLOATS])
        for at in range(-1, len(operands))
    ]
    graph = helper.make_graph(nodes, path.stem, infos[:1], infos[-1:], value_info=infos[1:-1])
    onnx.save(helper.make_model(graph), path)


def skips(count):
    """A chain: every 50th operator of the second half reads the mirrored one of the first."""
    half = count // 2
    return [
        [at - 1, count - 1 - at] if at >= half and at % 50 == 0 else [at - 1]
        for at in range(count)
    ]


def random_graph(count, near, far):
    """Each operator adds a result that is about `near` operators old and one of `far`."""
    chance = random.Random(9)
    back = lambda at, mean: max(at - 1 - int(chance.expovariate(1 / mean)), -1)
    return [[back(at, near), back(at, far)] for at in range(count)]


def timed(command):
    """The answer of a run, its seconds, and those of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr.strip())
    processor = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return json.loads(done.stdout), time.monotonic() - start, processor


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--operators", type=int, default=10_000)
    given = parser.parse_args()
    graphs = {
        "chain with skips": skips(given.operators),
        "random": random_graph(given.operators, 1, 30),
        "random, older": random_graph(given.operators, 5, 300),
    }
    print("| graph | capacity | way | fits | added time | seconds | of the processor |")
    print("| --- | ---: | --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for graph, operands in graphs.items():
            path = pathlib.Path(folder, "graph.onnx")
            saved(path, operands)
            for capacity in ("90%", "60%"):
                for way, options in WAYS.items():
                    command = [given.binary, "fit", path, "--json", "--aliasing", "off"]
                    command += ["--capacity", capacity, *options]
                    answer, seconds, processor = timed(command)
                    fits = "yes" if answer["fits"] else "no"
                    added = f"{answer['added_percent']:.1f} %" if answer["fits"] else ""
                    row = [graph, capacity, way, fits, added, f"{seconds:.1f}", f"{processor:.1f}"]
                    print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
