#!/usr/bin/env python3
"""LiteRT, the interpreter of TensorFlow Lite, judges the sizes that orionrt plans with.

For each model, with the sizes in the file or with other ones that it allows, the interpreter
resizes its inputs and runs the model without delegates; every tensor must have as many bytes as
`orionrt plan MODEL --dim INPUT.AXIS=N` plans for it.

usage: run_litert.py ORIONRT MODEL.tflite [INPUT.AXIS=N ...] [+ MODEL.tflite ...]

A `+` stands between models. Needs the packages ai-edge-litert and numpy.
"""

import csv
import itertools
import pathlib
import subprocess
import sys
import tempfile

import numpy
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def planned(orionrt, model, dims):
    """The bytes of each tensor, by its name, as they are planned."""
    with tempfile.TemporaryDirectory() as folder:
        plan = pathlib.Path(folder) / "plan.csv"
        command = [orionrt, "plan", model, "--output", plan]
        command += [word for dim in dims for word in ("--dim", dim)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with plan.open(newline="") as rows:
            return {row["id"]: int(row["size"]) for row in csv.DictReader(rows)}


def resize(interpreter, dims):
    """Gives inputs of the interpreter other sizes."""
    given = {}
    for dim in dims:
        place, size = dim.rsplit("=", 1)
        name, axis = place.rsplit(".", 1)
        given.setdefault(name, {})[int(axis)] = int(size)
    for detail in interpreter.get_input_details():
        shape = [int(size) for size in detail["shape"]]
        for axis, size in given.pop(detail["name"], {}).items():
            shape[axis] = size
        interpreter.resize_tensor_input(detail["index"], shape)
    if given:
        sys.exit(f"no input is called {', '.join(given)}")


def executed(model, dims):
    """The bytes of all tensors after a run. Names are not unique: a list for each."""
    interpreter = Interpreter(
        model,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    resize(interpreter, dims)
    interpreter.allocate_tensors()
    generator = numpy.random.default_rng(15)
    for detail in interpreter.get_input_details():
        values = generator.integers(0, 2, detail["shape"]).astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], values)
    interpreter.invoke()
    sizes = {}
    for detail in interpreter.get_tensor_details():
        kind = numpy.dtype(detail["dtype"])
        if kind.kind not in "bifuc":
            continue  # Handles of variables, and strings.
        size = int(numpy.prod(detail["shape"])) * kind.itemsize
        sizes.setdefault(detail["name"], []).append(size)
    return sizes


def check(orionrt, model, dims):
    """Compares one model's tensors, and returns whether all are right."""
    right, wrong = 0, []
    true = executed(model, dims)
    for name, size in planned(orionrt, model, dims).items():
        if size in true.get(name, []):
            right += 1
        elif name in true:
            wrong.append(f"{name}: {size}, expected {true[name]}")
    print(f"{pathlib.Path(model).name} {' '.join(dims)}: {right} sizes right, {len(wrong)} wrong")
    for line in wrong:
        print(f"  {line}")
    return right > 0 and not wrong


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    orionrt, *words = sys.argv[1:]
    groups = itertools.groupby(words, lambda word: word == "+")
    models = [list(group) for is_plus, group in groups if not is_plus]
    results = [check(orionrt, model, dims) for model, *dims in models]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
