#!/usr/bin/env python3
"""TensorFlow Lite Micro runs models with the memory plans that orionrt writes into them.

For each model, the original and a copy with a plan run on the same inputs, several times in a row.
The outputs must be equal to the bit, and the planned part of the arena no larger than the
runtime's own plan makes it. That the runtime obeys the plan is shown twice: with all offsets moved
up it needs as many bytes more, and with all offsets 0 the outputs are wrong. They are not for each
model, because some say "nothing heard" to all random inputs, but must be for some.

usage: run_tflite_micro.py ORIONRT MODEL.tflite...

`ORIONRT plan MODEL --output COPY` makes the copy. Needs the packages tflite-micro and numpy.
"""

import argparse
import dataclasses
import itertools
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import numpy
from tflite_micro.python.tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

PLAN = b"OfflineMemoryAllocation"
# The bytes by which a plan is moved up to see whether the runtime follows.
MOVED = 4096
ARENA = 64 << 20
RUNS = 5


@dataclasses.dataclass
class Result:
    """What a model computed, and the parts of the arena that it needed, in bytes."""

    outputs: list
    head: int
    tail: int


class Failure(Exception):
    """The runtime does not run a model, or a check fails."""


def with_log(action):
    """Runs something and returns what it returns, and what it wrote to the standard streams."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        saved = [os.dup(stream) for stream in (1, 2)]
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        try:
            result = action()
        except Exception as error:  # The runtime raises whatever its C++ code throws.
            result = error
        finally:
            sys.stdout.flush()
            for stream, copy in zip((1, 2), saved):
                os.dup2(copy, stream)
                os.close(copy)
        log.seek(0)
        text = log.read().decode(errors="replace")
    if isinstance(result, Exception):
        raise Failure(f"{result}: {text.strip().splitlines()[-1:]}")
    return result, text


def details(ask):
    """The details of all inputs or outputs: the runtime does not say how many there are."""
    found = []
    for index in itertools.count():
        try:
            found.append(ask(index))
        except Exception:
            return found


def values(generator, detail):
    """Random values of an input."""
    shape, kind = detail["shape"], numpy.dtype(detail["dtype"])
    if kind == numpy.bool_:
        return generator.integers(0, 2, shape).astype(kind)
    if numpy.issubdtype(kind, numpy.integer):
        limits = numpy.iinfo(kind)
        low, high = max(limits.min, -128), min(limits.max, 255)
        return generator.integers(low, high, shape, endpoint=True).astype(kind)
    return generator.standard_normal(shape).astype(kind)


def run(model):
    """Runs a model a few times in a row, its state included."""

    def action():
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=ARENA)
        inputs = details(interpreter.get_input_details)
        count = len(details(interpreter.get_output_details))
        generator = numpy.random.default_rng(15)
        outputs = []
        for _ in range(RUNS):
            for index, detail in enumerate(inputs):
                interpreter.set_input(values(generator, detail), index)
            interpreter.invoke()
            outputs += [interpreter.get_output(index).copy() for index in range(count)]
        interpreter.print_allocations()
        return outputs

    outputs, log = with_log(action)
    parts = dict(re.findall(r"Arena allocation (\w+) (\d+) bytes", log))
    return Result(outputs, int(parts["head"]), int(parts["tail"]))


def plan_of(model):
    """Where the plan's offsets lie in the file, and for each tensor its offset and its bytes."""
    root = schema.Model.GetRootAs(model, 0)
    entries = [root.Metadata(index) for index in range(root.MetadataLength())]
    (entry,) = [entry for entry in entries if entry.Name() == PLAN]
    data = root.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    words = struct.unpack(f"<{len(data) // 4}i", data)
    place = model.index(data) + 12
    graph = root.Subgraphs(0)
    total = sum(root.Subgraphs(n).TensorsLength() for n in range(root.SubgraphsLength()))
    if words[2] != total or len(words) != 3 + total:
        raise Failure(f"a plan of {len(words)} words for {total} tensors")
    return place, list(words[3:]), [size_of(graph.Tensors(n)) for n in range(graph.TensorsLength())]


def size_of(tensor):
    """The bytes of a tensor as the runtime rounds them up."""
    sizes = {"FLOAT32": 4, "INT32": 4, "UINT32": 4, "INT64": 8, "UINT64": 8, "FLOAT64": 8}
    halves = {"INT16": 2, "UINT16": 2, "FLOAT16": 2}
    names = {value: name for name, value in vars(schema.TensorType).items()}
    element = (sizes | halves).get(names[tensor.Type()], 1)
    elements = 1
    for axis in range(tensor.ShapeLength()):
        elements *= tensor.Shape(axis)
    return -(-elements * element // 16) * 16


def with_offsets(model, change):
    """A copy of a planned model with other offsets."""
    place, offsets, _ = plan_of(model)
    changed = [offset if offset < 0 else change(offset) for offset in offsets]
    words = struct.pack(f"<{len(changed)}i", *changed)
    return model[:place] + words + model[place + len(words) :]


def same(first, second):
    pairs = zip(first.outputs, second.outputs, strict=True)
    return all(numpy.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def expect(condition, text):
    if not condition:
        raise Failure(text)


def check(orionrt, path, folder):
    """Runs one model with and without a plan.

    Returns the tensors with an offset, the bytes that are planned, the head of the arena without
    and with the plan, its tail, and whether a plan that is wrong was noticed.
    """
    original = path.read_bytes()
    copy = folder / "planned.tflite"
    command = [orionrt, "plan", str(path), "--output", str(copy)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    planned = copy.read_bytes()
    _, offsets, sizes = plan_of(planned)
    ends = [offset + size for offset, size in zip(offsets, sizes) if offset >= 0]
    peak = max(ends)
    before, after = run(original), run(planned)
    expect(same(before, after), "the outputs differ")
    expect(after.tail == before.tail, f"tail of {after.tail}, before {before.tail}")
    limit = max(peak, before.head)
    expect(after.head <= limit, f"head of {after.head}, at most {limit} expected")
    moved = run(with_offsets(planned, lambda offset: offset + MOVED))
    expect(same(before, moved), "the outputs of the moved plan differ")
    expect(moved.head >= peak + MOVED, f"moved up by {MOVED}, but the head is {moved.head}")
    spoiled = run(with_offsets(planned, lambda _: 0))
    return (len(ends), peak, before.head, after.head, after.tail), not same(before, spoiled)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("orionrt")
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    print("| model | tensors | planned | head before | head | tail | wrong plan noticed |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    failed, ever_noticed = False, False
    for path in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            try:
                numbers, noticed = check(arguments.orionrt, path, pathlib.Path(folder))
                cells = [*(f"{number:,}" for number in numbers), "yes" if noticed else "no"]
                ever_noticed |= noticed
            except (Failure, subprocess.CalledProcessError) as error:
                failed = True
                cells = [f"FAILED: {error}"]
        print("|", " | ".join([path.name, *cells]), "|")
    sys.exit(failed or not ever_noticed)


if __name__ == "__main__":
    main()
