#!/usr/bin/env python3
"""Plans the operator models of the PyPI package onnx, and checks what it answers.

DIR has a folder for each model: model.onnx and, in test_data_set_0, inputs and outputs as the
specification has them (onnx/backend/test/data/node of the package; version 1.14.1 has 1,168). Each
model is planned; one that is refused is planned again with the values of its small inputs
(`--input`), since they may decide a shape, and then with upper bounds for the dimensions that its
message asks for (`--dim`).

Every plan must be at its lower bound or proven optimal. The planned sizes of graph inputs and
outputs must be those of the data set. Where ONNX Runtime runs a model, its plans without aliasing,
with views and with results in place are simulated as truth.py does it.

Prints a table by kind of model, the messages of all refused models with their numbers, and every
fault; the exit status is 1 if there is a fault or fewer are planned than --at-least says.

usage: operators.py ORIONRT DIR [--at-least N] [--json FILE] [--verbose]
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import pathlib
import re
import sys

import numpy as np
import onnx
import reference
import simulation
from onnx import TensorProto, numpy_helper

# An input with more elements than this does not decide a shape.
SMALL = 64
SIMULATED = ("off", "views", "in-place", "parts")
HOW = ("as it is", "--input", "--dim")
SPECIAL = re.compile("STRING|BFLOAT16|FLOAT8|FLOAT4|INT4|INT2|COMPLEX")


@dataclasses.dataclass
class Outcome:
    """What became of a model."""

    name: str
    kind: str
    how: str = None
    optimal: bool = False
    message: str = ""
    simulated: bool = False
    faults: list = dataclasses.field(default_factory=list)


def kind_of(model):
    """The kind of a model in the table: what is most special about it."""
    graph = model.graph
    declared = [value.type for value in [*graph.input, *graph.output]]
    if any(not value.HasField("tensor_type") for value in declared):
        return "sequence or optional"
    names = [TensorProto.DataType.Name(value.tensor_type.elem_type) for value in declared]
    for name in names:
        if found := SPECIAL.match(name):
            return f"type {found[0].lower()}"
    if any(map(simulation.has_bodies, graph.node)):
        return "If, Loop, Scan"
    if model.functions:
        return "model-local function"
    if any(node.domain not in ("", "ai.onnx") for node in graph.node):
        return "operator of another domain"
    if len(graph.node) > 1:
        return "expanded function"
    if any(name == "INT64" for name in names[1 : len(graph.input)]):
        return "integer input beside data"
    return "other operator"


def protos(folder, what):
    """The file contents of a data set's inputs or outputs, in their order."""
    paths = folder.glob(f"test_data_set_0/{what}_*.pb")
    ordered = sorted(paths, key=lambda path: int(path.stem.rpartition("_")[2]))
    return [path.read_bytes() for path in ordered]


def data_set(folder, declared, what):
    """The tensors of a data set by name; values that are no tensors are left out."""
    tensors = {}
    for value, content in zip(declared, protos(folder, what)):
        if value.type.HasField("tensor_type"):
            tensors[value.name] = TensorProto.FromString(content)
    return tensors


def is_as_declared(value, tensor):
    """Whether a tensor of a data set has the dimensions that the model states; a few have not."""
    stated = value.type.tensor_type.shape.dim
    return len(stated) == len(tensor.dims) and all(
        not dim.HasField("dim_value") or dim.dim_value == size
        for dim, size in zip(stated, tensor.dims)
    )


def dims_of(graph, inputs):
    """The options that give the open dimensions of the inputs the sizes of the data set."""
    sizes = {}
    for value in reference.inputs(graph):
        if value.name in inputs:
            stated = value.type.tensor_type.shape.dim
            pairs = zip(stated, inputs[value.name].dims)
            sizes |= {dim.dim_param: size for dim, size in pairs if dim.dim_param}
    return [word for name, size in sizes.items() for word in ("--dim", f"{name}={size}")]


def true_bytes(tensor):
    """The bytes of a tensor in memory; nothing for strings."""
    if tensor.data_type == TensorProto.STRING:
        return None
    elements = int(np.prod(tensor.dims, dtype=np.int64))
    bits = reference.packed_bits(tensor.data_type)
    if bits is None:
        bits = 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        if TensorProto.DataType.Name(tensor.data_type) == "BFLOAT16":
            bits = 16
        elif TensorProto.DataType.Name(tensor.data_type).startswith("FLOAT8"):
            bits = 8
    return -(-elements * bits // 8)


def text_of(tensor):
    """A value as `--input` reads it."""
    return ",".join(str(element).lower() for element in numpy_helper.to_array(tensor).flat)


def small_inputs(tensors):
    """The options that fix all inputs that may decide a shape, and the inputs' names."""
    numbers = (TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.FLOAT)
    options, names = [], []
    for name, tensor in tensors.items():
        if tensor.data_type in numbers and np.prod(tensor.dims) <= SMALL:
            options += ["--input", f"{name}={text_of(tensor)}"]
            names.append(name)
    return options, names


def bounds_for(message, tensors):
    """The options that the message asks for, with a bound that surely holds."""
    bound = max([int(np.prod(tensor.dims)) for tensor in tensors], default=1)
    names = dict.fromkeys(re.findall(r"--dim (\S+)=N\b", message))
    return [word for name in names for word in ("--dim", f"{name}={max(bound, 1)}")]


def attempts(orionrt, path, dims, inputs, outputs):
    """Plans a model: the plan, how it was reached, its options, the fixed inputs, the message."""
    fixed, names = small_inputs(inputs)
    fixed = dims + fixed
    try:
        return simulation.make_plan(orionrt, path, dims), HOW[0], dims, [], ""
    except simulation.Wrong as error:
        first = str(error)
    message = first
    try:
        return simulation.make_plan(orionrt, path, fixed), HOW[1], fixed, names, first
    except simulation.Wrong as error:
        message = str(error)
    for options, given in ((fixed, names), (dims, [])):
        bounds = bounds_for(message if given else first, [*inputs.values(), *outputs.values()])
        if not bounds:
            continue
        try:
            plan = simulation.make_plan(orionrt, path, options + bounds)
            return plan, HOW[2], options + bounds, given, first
        except simulation.Wrong:
            pass
    return None, None, None, None, first


def boundary(plan, graph, fixed, tensors):
    """What is wrong with the sizes of graph inputs and outputs, by the data set."""
    declared = {value.name: value for value in [*graph.input, *graph.output]}
    depending = reference.dependent(graph, fixed)
    bounds = reference.downstream(graph, plan.bounded)
    for name, tensor in tensors.items():
        if not is_as_declared(declared[name], tensor):
            continue
        true = true_bytes(tensor)
        if name in plan:
            size = plan.size(name)
            if true is None:
                yield f"{name} is planned, and has strings"
            elif size < true or size > true and name not in bounds:
                yield f"{name} has {true} bytes, planned {size}"
        elif true != 0 and name in depending and name not in plan.left_out:
            yield f"{name} has neither a place nor a word that it is left out"


def simulate(orionrt, path, model, options, fixed, inputs):
    """Simulates plans of a model; what is wrong, or nothing if ONNX Runtime cannot run it."""
    try:
        feed = {name: numpy_helper.to_array(tensor) for name, tensor in inputs.items()}
        values = reference.values(model, feed)
    except Exception:  # ONNX Runtime has no narrower class for what it refuses.
        return None
    constants = set(values) - reference.dependent(model.graph, fixed)
    faults = []
    for aliasing in SIMULATED:
        try:
            plan = simulation.make_plan(orionrt, path, [*options, "--aliasing", aliasing])
            arena = simulation.Arena(plan, values, constants)
            arena.faults.extend(simulation.sizes(model.graph, arena))
            order = simulation.steps(model.graph, plan.report["order"])
            simulation.run(model.graph, arena, order)
            found = arena.faults
        except simulation.Wrong as error:
            found = [str(error)]
        faults += [f"aliasing {aliasing}: {fault}" for fault in found]
    return faults


def examine(orionrt, folder):
    """Plans one model and checks the plan."""
    path = folder / "model.onnx"
    model = onnx.load(path)
    graph = model.graph
    outcome = Outcome(folder.name, kind_of(model))
    inputs = data_set(folder, reference.inputs(graph), "input")
    outputs = data_set(folder, graph.output, "output")
    dims = dims_of(graph, inputs)
    found = attempts(orionrt, path, dims, inputs, outputs)
    plan, outcome.how, options, fixed, outcome.message = found
    if plan is None:
        return outcome
    outcome.optimal = plan.report["optimal"]
    if not outcome.optimal:
        outcome.faults.append(f"not optimal: {plan.report['peak']}")
    outcome.faults.extend(boundary(plan, graph, fixed, inputs | outputs))
    simulated = simulate(orionrt, path, model, options, fixed, inputs)
    outcome.simulated = simulated is not None
    outcome.faults.extend(simulated or [])
    return outcome


def pattern(message):
    """A message without what differs from model to model."""
    text = re.sub(r"^no plan: (error: )?", "", message.splitlines()[0] if message else "")
    text = re.sub(r"\S*/model\.onnx", "MODEL", text)
    text = re.sub(r"\"[^\"]*\"|'[^']*'|`[^`]*`", "…", text)
    return re.sub(r"\b\d+\b", "N", text)[:160]


def table(outcomes):
    """Rows by kind of model: how many were planned, and how."""
    counts = collections.defaultdict(collections.Counter)
    for outcome in outcomes:
        for kind in (outcome.kind, "all"):
            row = counts[kind]
            row["models"] += 1
            row[outcome.how or "refused"] += 1
            row["optimal"] += outcome.optimal
            row["simulated"] += outcome.simulated
            row["faulty"] += bool(outcome.faults)
    columns = ("models", *HOW, "refused", "optimal", "simulated", "faulty")
    print(f"{'kind':<28}" + "".join(f"{column:>10}" for column in columns))
    for kind in sorted(counts, key=lambda kind: (kind == "all", kind)):
        print(f"{kind:<28}" + "".join(f"{counts[kind][column]:>10}" for column in columns))


def messages(outcomes, verbose):
    """Every message of a refused model, with the number of models that it refuses."""
    groups = collections.defaultdict(list)
    for outcome in outcomes:
        if outcome.how is None:
            groups[pattern(outcome.message)].append(outcome.name)
    if groups:
        print("\nrefused:")
    for text, names in sorted(groups.items(), key=lambda group: -len(group[1])):
        shown = names if verbose else names[:3]
        print(f"{len(names):>5}  {text}\n       {' '.join(shown)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("orionrt")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--at-least", type=int, default=1, metavar="N")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--verbose", action="store_true", help="name every refused model")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.folder.glob("*/model.onnx"))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(examine, arguments.orionrt, folder) for folder in folders]
        outcomes = [job.result() for job in jobs]
    table(outcomes)
    messages(outcomes, arguments.verbose)
    faulty = [outcome for outcome in outcomes if outcome.faults]
    for outcome in faulty:
        print(f"{outcome.name}: {outcome.faults[0]} (of {len(outcome.faults)})")
    if arguments.json:
        report = [dataclasses.asdict(outcome) for outcome in outcomes]
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    planned = sum(outcome.how is not None for outcome in outcomes)
    print(f"\n{planned} of {len(outcomes)} planned, {len(faulty)} with faults")
    sys.exit(1 if faulty or planned < arguments.at_least else 0)


if __name__ == "__main__":
    main()
