"""Runs a plan without a runtime: bytes are written and read at the planned offsets.

Stands on reference.py, which has the true value of every tensor. Each value is written at the
offset that `orionrt plan` gave it when its operator runs; before an operator runs, every operand
must still be where it was written. Bodies of control flow are not executed: all planned bytes of
theirs count as overwritten when their operator runs.
"""

import itertools
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import reference

# Operators that read an operand again after having written a part of their result: none of them
# can write its result over an operand.
READS_AGAIN = set(
    """AveragePool Conv ConvInteger ConvTranspose Einsum GRU Gather
    GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool If InstanceNormalization LSTM Loop
    LpPool MatMul MatMulInteger MaxPool QLinearConv QLinearMatMul RNN Resize ReverseSequence Scan
    TopK Transpose Upsample""".split()
)


class Wrong(Exception):
    """A plan that cannot be simulated, since it does not say what it must."""


def strings(value):
    """All strings within a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


class Plan:
    """What the tool answered: a place for each tensor, the order, and what is left out."""

    def __init__(self, tensors, report):
        self.tensors = {tensor["id"]: tensor for tensor in tensors}
        if len(self.tensors) != len(tensors):
            raise Wrong("two tensors of the plan have one name")
        self.report = report
        self.left_out = set(strings(report.get("left_out", [])))
        # The nodes whose results have dimensions of which only upper bounds are known.
        self.bounded = {dim.rpartition(".")[0] for dim in report.get("bounds", {})}

    def __contains__(self, name):
        return name in self.tensors

    def size(self, name):
        return self.tensors[name]["size"]

    def place(self, name, length):
        offset = self.tensors[name]["offset"]
        return slice(offset, offset + length)

    def root(self, name):
        """The tensor whose bytes the named one has a part of."""
        while "within" in self.tensors[name]:
            name = self.tensors[name]["within"]["id"]
        return name


def make_plan(orionrt, model, options):
    """Runs the tool; the plan, or an error that has its message."""
    with tempfile.TemporaryDirectory() as scratch:
        output = pathlib.Path(scratch) / "plan.json"
        command = [orionrt, "plan", model, *options, "--json", "--output", output]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Wrong(f"no plan: {done.stderr.strip()}")
        return Plan(json.loads(output.read_text())["tensors"], json.loads(done.stdout))


def has_bodies(node):
    return any(True for _ in reference.bodies(node))


def steps(graph, order):
    """The nodes of the main graph in the order of the plan, as places in the file.

    Operators of bodies are named NODE/...: they run within their node and are passed by.
    """
    places, inside = {}, []
    for place, node in enumerate(graph.node):
        places.setdefault(reference.name_of(node), []).append(place)
        if has_bodies(node):
            inside.append(f"{reference.name_of(node)}/")
    found = []
    for name in order:
        if places.get(name):
            found.append(places[name].pop(0))
        elif not name.startswith(tuple(inside)):
            raise Wrong(f"the order names {name}, which is no operator, or too often")
    return found


def range_of(place):
    return range(place.start, place.stop)


def describe(node):
    return f"{node.op_type} {reference.name_of(node)}"


class Arena:
    """The planned bytes, who wrote each of them last, and what was found wrong."""

    def __init__(self, plan, values, constants):
        self.plan, self.values, self.constants = plan, values, constants
        ends = [tensor["offset"] + tensor["size"] for tensor in plan.tensors.values()]
        self.bytes = np.zeros(max(ends, default=0), np.uint8)
        self.written, self.faults = [], []

    def true(self, name):
        """The true bytes of a tensor that has a place in the plan; nothing for others."""
        value = self.values.get(name)
        if name not in self.plan or not reference.is_tensor(value):
            return None
        return np.ascontiguousarray(value).reshape(-1).view(np.uint8)

    def write(self, name, writer):
        """Writes a tensor's true bytes at its place."""
        true = self.true(name)
        if true is None:
            return
        if len(true) > self.plan.size(name):
            self.faults.append(f"{name} has {len(true)} bytes, planned {self.plan.size(name)}")
            return
        self.put(self.plan.place(name, len(true)), true, f"{name} of {writer}")

    def scribble(self, node, names):
        """Writes over all bytes of tensors of a node's bodies, whose values are not known.

        They may not lie over what the node reads, unless they are parts of it.
        """
        operands = {name for name in reference.kept_operands(node) if name in self.plan}
        roots = {self.plan.root(name) for name in operands}
        read = {name: range_of(self.plan.place(name, self.plan.size(name))) for name in operands}
        for name in names:
            if self.plan.root(name) in roots:
                continue
            place = self.plan.place(name, self.plan.size(name))
            for operand, span in read.items():
                if max(place.start, span.start) < min(place.stop, span.stop):
                    self.faults.append(f"{name} lies over {operand}, which {describe(node)} reads")
            self.put(place, 0xA5, f"{name} of a body of {describe(node)}")

    def put(self, place, what, writer):
        self.bytes[place] = what
        self.written.append((place, writer))

    def writer(self, byte):
        """Who wrote a byte last."""
        last = (writer for place, writer in reversed(self.written) if byte in range_of(place))
        return next(last, "nobody")

    def check(self, name, reader):
        """Reads a tensor: its bytes must be the true ones."""
        true = self.true(name)
        if true is None or len(true) > self.plan.size(name):
            return
        place = self.plan.place(name, len(true))
        lost = np.flatnonzero(self.bytes[place] != true)
        if len(lost):
            writer = self.writer(place.start + int(lost[0]))
            self.faults.append(f"{reader} reads {name}: {len(lost)} bytes are those of {writer}")

    def overlap(self, node, operand, result):
        """Checks a result that shares bytes with an operand of its own operator.

        Either nothing changes where they overlap (a view, or parts joined in place), or the result
        begins where the operand does, and the operator reads each element before it writes it.
        """
        old, new = self.true(operand), self.true(result)
        if old is None or new is None or not len(old) or not len(new):
            return
        read, written = self.plan.place(operand, len(old)), self.plan.place(result, len(new))
        start, end = max(read.start, written.start), min(read.stop, written.stop)
        if start >= end:
            return
        fault = f"{describe(node)} writes {result} over its operand {operand}"
        if self.plan.root(operand) != self.plan.root(result):
            self.faults.append(f"{fault}, and neither is said to be within the other")
        elif np.array_equal(self.bytes[start:end], new[start - written.start :][: end - start]):
            return
        elif read.start != written.start:
            self.faults.append(f"{fault}, shifted")
        elif node.op_type in READS_AGAIN:
            self.faults.append(f"{fault}, which it reads again")
        elif self.values[operand].size != self.values[result].size or len(old) < len(new):
            self.faults.append(f"{fault}, which has other elements")


def run(graph, arena, order):
    """Runs the operators of the main graph in the given order of places in the file."""
    wanted = [value.name for value in reference.inputs(graph)]
    for name in wanted:
        arena.write(name, "the caller")
    for name in wanted:
        arena.check(name, "the start")
    for place in order:
        node = graph.node[place]
        operands, results = reference.operands(node), reference.results(node)
        for name in operands:
            arena.check(name, describe(node))
        for operand, result in itertools.product(reference.kept_operands(node), results):
            arena.overlap(node, operand, result)
        if has_bodies(node):
            prefix = f"{reference.name_of(node)}/"
            arena.scribble(node, [name for name in arena.plan.tensors if name.startswith(prefix)])
        for name in results:
            arena.write(name, describe(node))
        for name in results:
            arena.check(name, f"{describe(node)}, its own results written,")
    for value in graph.output:
        arena.check(value.name, "the caller")


def sizes(graph, arena):
    """What is wrong with the planned sizes and with what has no place."""
    plan = arena.plan
    bounds = reference.downstream(graph, plan.bounded)
    for name, value in arena.values.items():
        known = name in plan.left_out
        if not reference.is_tensor(value):
            if name in plan:
                yield f"{name} is planned, and is no tensor of numbers"
            elif not known and name not in arena.constants:
                yield f"{name} is no tensor of numbers, and not said to be left out"
        elif name in plan:
            size, true = plan.size(name), value.nbytes
            if size < true or size > true and name not in bounds:
                yield f"{name} has {true} bytes, planned {size}"
        elif value.nbytes and not known and name not in arena.constants:
            yield f"{name} depends on an input, has {value.nbytes} bytes and no place"
    for name, tensor in plan.tensors.items():
        if tensor["offset"] % tensor["alignment"]:
            yield f"{name} lies at {tensor['offset']}, not aligned to {tensor['alignment']}"
        if tensor["offset"] + tensor["size"] > plan.report["peak"]:
            yield f"{name} ends beyond the peak"
