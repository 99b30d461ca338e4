#!/usr/bin/env python3
"""How far the schedules of `Planner::fit` are from the least cost, for graphs of some 40 operators.

    cargo run --release -p orionrt-testing --example fit_quality -- 40 60 --json > graphs.jsonl
    pip install highspy
    python3 suites/fit/optimum.py graphs.jsonl [--seconds 60]

Each line of the input is a graph with its costs, and what the search found. The least cost is that
of an integer program, as in Checkmate (Jain et al., MLSys 2020), which HiGHS solves. Between two
operators, the program asks of memory only what every order of the transfers and reruns there needs:
what stays over all of them, and what the one step uses. So its optimum is a lower bound on the
least cost, and a ratio that is printed is at least that to the least cost. Where the time is over,
the bound that the solver has by then takes its place; such a graph is not judged, but named.
"""

import argparse
import json
import statistics
import sys

import highspy


class Program:
    """The integer program of a graph: everything between two operators is a stage."""

    def __init__(self, graph):
        self.graph = graph
        self.solver = highspy.Highs()
        self.solver.setOptionValue("output_flag", False)
        self.solver.setOptionValue("threads", 1)
        self.known = {}
        self.stages = len(graph["ops"]) + 1
        self.maker = {op["writes"][0]: at for at, op in enumerate(graph["ops"])}
        for stage in range(self.stages):
            self.ways_back(stage)
            self.memory(stage)

    def variable(self, name, stage, tensor, cost=0):
        """A variable that is 0 or 1, by its name, stage and tensor."""
        key = (name, stage, tensor)
        if key not in self.known:
            self.known[key] = len(self.known)
            self.solver.addVar(0, 1)
            self.solver.changeColCost(self.known[key], cost)
            self.solver.changeColIntegrality(self.known[key], highspy.HighsVarType.kInteger)
        return self.known[key]

    def at_most(self, terms, bound):
        """The terms, pairs of a variable and its factor, are at most the bound."""
        factors = {}
        for variable, factor in terms:
            factors[variable] = factors.get(variable, 0) + factor
        columns, values = list(factors), list(factors.values())
        self.solver.addRow(-highspy.kHighsInf, bound, len(columns), columns, values)

    def needs(self, variable, others):
        """The variable may be 1 only if one of the others is."""
        self.at_most([(variable, 1)] + [(other, -1) for other in others], 0)

    def exists(self, stage, tensor):
        """Whether a tensor has been made before the operator of a stage."""
        return tensor in self.graph["inputs"] or self.maker[tensor] < stage

    def tensors(self, stage):
        return [t for t in range(len(self.graph["sizes"])) if self.exists(stage, t)]

    def before(self, stage, tensor):
        """What says that a plain copy is there when a stage begins: a variable, or True."""
        made = 0 if tensor in self.graph["inputs"] else self.maker[tensor] + 1
        return True if made == stage else self.variable("plain", stage - 1, tensor)

    def sources(self, stage, tensor, ways):
        """Variables of which one is 1 if a tensor is there in a stage; None if it always is."""
        before = self.before(stage, tensor)
        if before is True:
            return None
        return [before] + [self.variable(way, stage, tensor) for way in ways]

    def ways_back(self, stage):
        """How tensors come back in a stage, what that costs, and what it needs."""
        graph = self.graph
        for tensor in self.tensors(stage):
            size = graph["sizes"][tensor]
            ways = []
            if graph["reruns"] is not None and tensor in self.maker:
                rerun = graph["reruns"][self.maker[tensor]]
                self.variable("rerun", stage, tensor, rerun)
                ways.append("rerun")
            if graph["packing"] is not None:
                _, compress, expand = graph["packing"]
                self.variable("compress", stage, tensor, size * compress)
                self.variable("expand", stage, tensor, size * expand)
                ways.append("expand")
            if graph["slow"] is not None:
                write, read = graph["slow"]
                self.variable("write", stage, tensor, size * write)
                self.variable("fetch", stage, tensor, size * read)
                ways.append("fetch")
            self.back(stage, tensor, ways)

    def back(self, stage, tensor, ways):
        before = self.before(stage, tensor)
        plain = self.variable("plain", stage, tensor)
        is_new = before is True
        sources = self.sources(stage, tensor, ways)
        if sources is not None:
            self.needs(plain, sources)
        back = [(self.variable(way, stage, tensor), -1) for way in ways]
        # What is there before and after, and did not come back, stays.
        stays = self.variable("stays", stage, tensor)
        first = [] if is_new else [(before, 1)]
        self.at_most(first + [(plain, 1), (stays, -1)] + back, 0 if is_new else 1)
        for kind, begin, end in [("slow", "write", "fetch"), ("packed", "compress", "expand")]:
            if end not in ways:
                continue
            there = self.variable(kind, stage, tensor)
            earlier = [] if is_new else [self.variable(kind, stage - 1, tensor)]
            self.needs(there, earlier + [self.variable(begin, stage, tensor)])
            made = [way for way in ways if way != end]
            sources = self.sources(stage, tensor, made)
            if sources is not None:
                self.needs(self.variable(begin, stage, tensor), sources)
            written = [self.variable("write", stage, tensor)] if kind == "slow" else []
            self.needs(self.variable(end, stage, tensor), earlier + written)
        if "rerun" in ways:
            for operand in self.graph["ops"][self.maker[tensor]]["reads"]:
                sources = self.sources(stage, operand, self.all_ways(operand))
                if sources is not None:
                    self.needs(self.variable("rerun", stage, tensor), sources)

    def all_ways(self, tensor):
        graph = self.graph
        return (
            (["rerun"] if graph["reruns"] is not None and tensor in self.maker else [])
            + (["expand"] if graph["packing"] is not None else [])
            + (["fetch"] if graph["slow"] is not None else [])
        )

    def memory(self, stage):
        graph, capacity = self.graph, self.graph["capacity"]
        sizes, tensors = graph["sizes"], self.tensors(stage)
        ratio = graph["packing"][0] if graph["packing"] is not None else 1
        packed = [-(-size // ratio) for size in sizes]

        def of(kind, sizes, others=()):
            there = [t for t in tensors if (kind, stage, t) in self.known and t not in others]
            return [(self.variable(kind, stage, t), sizes[t]) for t in there]

        # While the operator runs, and at the end.
        op = graph["ops"][stage] if stage < len(graph["ops"]) else None
        needed = op["reads"] if op else graph["outputs"]
        for tensor in needed:
            self.at_most([(self.variable("plain", stage, tensor), -1)], -1)
        results = sum(sizes[t] for t in op["writes"]) if op else 0
        self.at_most(of("plain", sizes) + of("packed", packed), capacity - results)
        # While one step brings something back.
        for tensor in tensors:
            steps = [("fetch", [tensor], 0), ("compress", [tensor], packed[tensor])]
            steps.append(("expand", [tensor], packed[tensor]))
            if tensor in self.maker:
                steps.append(("rerun", graph["ops"][self.maker[tensor]]["reads"] + [tensor], 0))
            for way, used, more in steps:
                if (way, stage, tensor) not in self.known:
                    continue
                used_bytes = more + sum(sizes[t] for t in used)
                step = (self.variable(way, stage, tensor), used_bytes)
                self.at_most([step] + of("stays", sizes, used), capacity)

    def least(self, seconds):
        """A lower bound on the least cost, and whether it is the program's optimum."""
        self.solver.setOptionValue("time_limit", float(seconds))
        self.solver.setOptionValue("mip_abs_gap", 0.999)
        self.solver.run()
        status = self.solver.getModelStatus()
        info = self.solver.getInfo()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None, True
        is_optimum = status == highspy.HighsModelStatus.kOptimal
        # Costs are whole numbers.
        bound = -(-(info.mip_dual_bound - 1e-6) // 1)
        return max(bound, 0.0), is_optimum


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("graphs", type=argparse.FileType("r"))
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    ratios, missed, bounds, open_graphs = [], 0, [], []
    for number, line in enumerate(args.graphs):
        graph = json.loads(line)
        least, is_optimum = Program(graph).least(args.seconds)
        if graph["found"] is None:
            missed += least is not None
            print(f"{number:4} {graph['kind']:9} missed, least {least}", flush=True)
            continue
        if least is None:
            sys.exit(f"line {number + 1}: the program says that nothing fits")
        # What the solver has when its time is over is a bound, too.
        if graph["found"] < least - 1e-6:
            sys.exit(f"line {number + 1}: {graph['found']} is below the least cost, {least}")
        if graph["bound"] > graph["found"] + 1e-6:
            sys.exit(f"line {number + 1}: the bound {graph['bound']} is above {graph['found']}")
        ratio = (graph["found"] + 1e-9) / (least + 1e-9)
        if is_optimum:
            ratios.append(ratio)
            bounds.append((graph["bound"] + 1e-9) / (least + 1e-9))
        else:
            open_graphs.append(number)
        sign = "=" if is_optimum else ">"
        ways = [way for way in ("slow", "packing", "reruns") if graph[way] is not None]
        print(
            f"{number:4} {graph['kind']:9} {'+'.join(ways):21} found {graph['found']:6.0f} "
            f"least {sign} {least:6.0f} bound {graph['bound']:8.1f} ratio {ratio:.3f}",
            flush=True,
        )
    ratios.sort()
    if ratios:
        at = lambda part: ratios[(len(ratios) - 1) * part // 100]
        print(
            f"{len(ratios)} graphs solved, {missed} missed: median {at(50):.3f}, "
            f"90 % {at(90):.3f}, worst {at(100):.3f}; "
            f"the bound is {statistics.median(bounds):.2f} of the least cost in the median"
        )
    if open_graphs:
        print("not judged, for the solver's time was over:", *open_graphs)


if __name__ == "__main__":
    main()
