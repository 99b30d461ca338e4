"""How far `orionrt fit` is from the least cost of a schedule, on graphs of some 40 operators.

    cargo run --release -p orionrt-testing --example fit_quality -- 40 60 --json > graphs.jsonl
    pip install highspy
    python3 suites/fit/optimum.py graphs.jsonl [--seconds 60] [--only NUMBER ...]

Each line of the input is a graph with its costs, and what the search found. `integer_program.py`
has the program whose optimum is a lower bound on the least cost, and `stage.py` makes an answer of
it a schedule. Of each graph, the output says what is known of the least cost:

    found     12 least =      12 ratio 1.000    it is known, and the ratio is judged
    found     12 least >=     10 ratio <= 1.200 a lower bound: the time was over before the answer
                                                of the program was a schedule
    missed, least >=     10                     the search found no schedule, and there may be none
    missed, least =      12                     there is one
"""

import argparse
import json
import statistics
import sys
import time

from integer_program import Program
from stage import TooManyStates


class Least:
    """What is known of the least cost of a graph."""

    def __init__(self, graph, seconds):
        self.bound, self.is_exact, self.is_impossible = 0.0, False, False
        self.found = graph["found"]
        self.end = time.monotonic() + seconds
        self.rounds = 0
        self.search(Program(graph))

    def search(self, program):
        is_solved = program.solve(self.end - time.monotonic())
        self.is_impossible = program.is_infeasible
        while not self.is_impossible:
            self.bound = max(self.bound, program.bound())
            if self.found is not None and self.found <= self.bound + 1e-6:
                # The schedule that was found, if it is not below the least cost.
                self.is_exact = is_solved
                return
            if not is_solved or time.monotonic() > self.end:
                return
            try:
                problems = program.problems()
            except TooManyStates:
                return
            if not problems:
                self.is_exact = True
                return
            for problem, missing in problems:
                program.forbid(problem, missing)
            self.rounds += 1
            is_solved = program.solve(self.end - time.monotonic())
            self.is_impossible = program.is_infeasible
        self.is_exact = True


class Report:
    """The lines of the output."""

    def __init__(self):
        self.ratios, self.bounds, self.open, self.missed = [], [], [], 0

    def line(self, number, graph, least):
        ways = "+".join(way for way in ("slow", "packing", "reruns") if graph[way] is not None)
        sign = "= " if least.is_exact else ">="
        line = f"{number:4} {graph['kind']:9} {ways:21}"
        if least.is_impossible and graph["found"] is None:
            return f"{line} impossible"
        if least.is_impossible:
            sys.exit(f"{line} found {graph['found']}, and the program says that nothing fits")
        if graph["found"] is None:
            self.missed += least.is_exact
            return f"{line} missed, least {sign} {least.bound:6.0f}"
        # What the solver has when its time is over is a bound, too.
        if graph["found"] < least.bound - 1e-6:
            sys.exit(f"{line} {graph['found']} is below the least cost, {least.bound}")
        if graph["bound"] > graph["found"] + 1e-6:
            sys.exit(f"{line} the bound {graph['bound']} is above {graph['found']}")
        if not least.is_exact:
            # The bound of the search may be the higher one. Costs are whole numbers.
            least.bound = max(least.bound, -(-(graph["bound"] - 1e-6) // 1))
        ratio = (graph["found"] + 1e-9) / (least.bound + 1e-9)
        if least.is_exact:
            self.ratios.append(ratio)
            self.bounds.append((graph["bound"] + 1e-9) / (least.bound + 1e-9))
        else:
            self.open.append((number, ratio))
        known = f"ratio {'' if least.is_exact else '<= '}{ratio:.3f}"
        return (
            f"{line} found {graph['found']:6.0f} least {sign} {least.bound:6.0f} "
            f"bound {graph['bound']:8.1f} {known} ({least.rounds} rounds)"
        )

    def end(self):
        ratios = sorted(self.ratios)
        at = lambda part: ratios[(len(ratios) - 1) * part // 100]
        if ratios:
            print(
                f"{len(ratios)} judged, {self.missed} missed: median {at(50):.3f}, "
                f"90 % {at(90):.3f}, worst {at(100):.3f}; the bound of the search is "
                f"{statistics.median(self.bounds):.2f} of the least cost in the median"
            )
        if self.open:
            worst = max(ratio for _, ratio in self.open)
            numbers = " ".join(str(number) for number, _ in self.open)
            print(f"{len(self.open)} with a bound alone, ratios at most {worst:.3f}: {numbers}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("graphs", type=argparse.FileType("r"))
    parser.add_argument("--seconds", type=float, default=60, help="for each graph")
    parser.add_argument("--only", type=int, nargs="*", help="the numbers of graphs, from 0")
    args = parser.parse_args()
    report = Report()
    for number, line in enumerate(args.graphs):
        if args.only is None or number in args.only:
            graph = json.loads(line)
            least = Least(graph, args.seconds)
            print(report.line(number, graph, least), flush=True)
    report.end()


if __name__ == "__main__":
    main()
