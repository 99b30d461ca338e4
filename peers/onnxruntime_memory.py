#!/usr/bin/env python3
"""The memory that a model takes: planned by OrionRT, and with ONNX Runtime.

usage: onnxruntime_memory.py ORIONRT FOLDER [--only NAME]... [--peer PROGRAM] [--json FILE]

The models are those of .ci/published.py, fetched to FOLDER; --only NAME selects those whose name
contains the word. --peer PROGRAM adds the planner of the crate onnx-runtime-memory: build it with
`cargo build --release` in peers/onnx_runtime_memory. Needs the PyPI packages numpy, onnx and
onnxruntime. All columns are MiB for one run on one thread, with the same sizes of all dimensions:

  as is      OrionRT: every tensor has bytes of its own, in the file's order
  in place   OrionRT: views and results in place, in the file's order
  order      OrionRT: views and results in place, in the order that needs least
  inputs     what of these is graph inputs
  allocated  ONNX Runtime: the most that a run has allocated at once, without its arena and its
             memory pattern; every request of the run goes to an allocator that counts
  no fusion  ONNX Runtime: the same without graph optimisations
  pattern    ONNX Runtime: the block of its memory pattern, which the second run takes as a whole
  arena      ONNX Runtime: what its default arena has taken from the system after two runs
  peer       onnx-runtime-memory: the sum of its slots; and with reshapes as views
  in its order  OrionRT: as is, in the order that onnx-runtime-memory plans for

What can be compared: all plan the activations of one run of the same model. What cannot:

* OrionRT's plans include the graph inputs, as does what is asked of onnx-runtime-memory. ONNX
  Runtime's numbers do not: the caller owns them.
* ONNX Runtime fuses operators first. A tensor that a fusion removes takes nothing there, and
  OrionRT, which plans the file as it is, counts it. On the other hand some of its faster kernels
  want padded or blocked tensors, which take more. "no fusion" has the tensors that OrionRT has.
* "allocated" and "arena" include the scratch of kernels (an unrolled convolution, a gate of an
  LSTM); a plan of tensors has none. "pattern" has no scratch and no graph outputs.
* The arena rounds what it takes up to powers of two, so as to serve other sizes later. It is what a
  process keeps, not what a run needs.
* "order" needs a runtime that runs the operators in that order, and "in place" one that lets an
  operator write over its operand: ONNX Runtime does so for some operators.
* A plan of an operator with bodies (If, Loop) includes the bodies of both branches; ONNX Runtime
  runs one.
* onnx-runtime-memory assigns whole slots, without alignment, instead of offsets; it plans no bodies
  and nothing in place.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile

import onnx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / ".ci"))

import counted_runtime
import published
import reference
import simulation

DEFAULT = (
    "slider PP-OCRv6_det PP-OCRv6_rec 320n common_det common_old common.onnx smart-turn nmp.onnx "
    "magika rxnmap enc.onnx df_dec nakdimon tashkeel op15 embedding_model.onnx "
    "speechmos/dnsmos_models/sig_ Run_1663829550 plcmos"
).split()
PLANS = {
    "as_is": ("off", "file"),
    "views": ("views", "file"),
    "in_place": ("in-place", "file"),
    "as_is_order": ("off", "memory"),
    "order": ("in-place", "memory"),
}
# A column's name, and where its number is in the report about a model.
COLUMNS = {
    "as is": ("orionrt", "as_is"),
    "in place": ("orionrt", "in_place"),
    "order": ("orionrt", "order"),
    "inputs": ("inputs",),
    "allocated": ("onnxruntime", "allocated"),
    "no fusion": ("onnxruntime", "unoptimised"),
    "pattern": ("onnxruntime", "pattern"),
    "arena": ("onnxruntime", "arena"),
}
PEER_COLUMNS = {
    "peer": ("peer", "off", "peak"),
    "its views": ("peer", "views", "peak"),
    "in its order": ("orionrt", "order_of_peer"),
}


def plan(orionrt, path, options, aliasing, order):
    """OrionRT's plan, or nothing where it has none."""
    wanted = [*options, "--aliasing", aliasing, "--order", order]
    try:
        return simulation.make_plan(orionrt, path, wanted)
    except simulation.Wrong as error:
        print(f"{path}: {error}", file=sys.stderr)
        return None


def true_sizes(model, feed):
    """The bytes of every tensor of the main graph by name; 0 for constants."""
    depending = reference.dependent(model.graph)
    return {
        name: value.nbytes if name in depending else 0
        for name, value in reference.values(model, feed).items()
        if reference.is_tensor(value)
    }


def ask_peer(program, path, sizes, scratch):
    """What onnx-runtime-memory plans; an error's text where it refuses the model."""
    known = pathlib.Path(scratch) / "sizes.txt"
    known.write_text("".join(f"{size} {name}\n" for name, size in sizes.items()))
    done = subprocess.run([program, path, known], capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr.strip()}
    return json.loads(done.stdout)


def in_order_of_peer(orionrt, path, options, planned, order, scratch):
    """OrionRT's peak in the order of the peer, if that names the same operators."""
    names = set(planned.report["order"])
    order = [name for name in order if name in names]
    if sorted(order) != sorted(planned.report["order"]):
        return None
    file = pathlib.Path(scratch) / "order.txt"
    file.write_text("\n".join(order) + "\n")
    found = plan(orionrt, path, options, "off", file)
    return found and found.report["peak"]


def examine(orionrt, peer, model, folder):
    """Everything about one model."""
    path = model.path(folder)
    loaded = onnx.load(path)
    feed = reference.random_inputs(loaded.graph, model.dims, model.values)
    plans = {key: plan(orionrt, path, model.options, *which) for key, which in PLANS.items()}
    report = {
        "model": model.name,
        "dims": model.dims,
        "inputs": sum(value.nbytes for value in feed.values()),
        "orionrt": {key: found and found.report["peak"] for key, found in plans.items()},
        "onnxruntime": counted_runtime.measure(
            path, feed, [value.name for value in loaded.graph.output]
        ),
    }
    if peer:
        with tempfile.TemporaryDirectory() as scratch:
            found = report["peer"] = ask_peer(peer, path, true_sizes(loaded, feed), scratch)
            order = found.pop("order", None)
            if order and plans["as_is"]:
                report["orionrt"]["order_of_peer"] = in_order_of_peer(
                    orionrt, path, model.options, plans["as_is"], order, scratch
                )
    return report


def number(report, keys):
    """A number of a report in MiB."""
    for key in keys:
        report = report.get(key) if isinstance(report, dict) else None
    return "-" if report is None else f"{report / 2**20:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("orionrt")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--peer", metavar="PROGRAM")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    arguments = parser.parse_args()
    models = published.select(published.ONNX, arguments.only or DEFAULT)
    published.fetch(arguments.folder, models)
    columns = COLUMNS | (PEER_COLUMNS if arguments.peer else {})
    print(f"{'MiB':<48}" + "".join(f"{column:>13}" for column in columns))
    reports = []
    # A process for each model: what one left behind does not count for the next.
    with concurrent.futures.ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:
        for model in models:
            job = pool.submit(examine, arguments.orionrt, arguments.peer, model, arguments.folder)
            report = job.result()
            numbers = "".join(f"{number(report, keys):>13}" for keys in columns.values())
            print(f"{report['model']:<48}{numbers}", flush=True)
            reports.append(report)
    if arguments.json:
        versions = {"onnxruntime": counted_runtime.onnxruntime.__version__}
        arguments.json.write_text(json.dumps(versions | {"models": reports}, indent=1) + "\n")


if __name__ == "__main__":
    main()
