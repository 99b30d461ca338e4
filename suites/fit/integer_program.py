"""The integer program of a graph's cheapest schedule, as in Checkmate (Jain et al., MLSys 2020).

All that happens between two operators is a stage. The program says which tensors are where at the
end of each stage, and which steps bring them there. Of memory it asks only what every order of the
steps of a stage needs: what stays over all of them, and what one step uses. So its optimum is a
lower bound on the least cost. An answer is a schedule if each stage has an order of its steps,
which `stage.py` looks for. Where one has none, or must make a step twice, that is added to the
program, for that stage and for all others: logic-based Benders decomposition (Hooker and Ottosson,
*Logic-based Benders decomposition*, Mathematical Programming, 2003).
"""

import math

import highspy

from stage import Costs, StageProblem

KINDS = ("plain", "packed", "slow")
WAYS = ("rerun", "compress", "expand", "write", "fetch")

# The most states of a stage whose order is looked for, and of one that is like it.
MOST_STATES = 100_000
FEW_STATES = 1_000


class Program:
    """The integer program of a graph: everything between two operators is a stage."""

    def __init__(self, graph):
        self.graph = graph
        self.solver = highspy.Highs()
        self.solver.setOptionValue("output_flag", False)
        self.solver.setOptionValue("threads", 1)
        # Costs are whole numbers, whose least is known for certain only without a relative gap.
        self.solver.setOptionValue("mip_abs_gap", 0.999)
        self.solver.setOptionValue("mip_rel_gap", 0.0)
        self.costs = Costs(graph)
        self.maker = self.costs.maker
        self.known = {}
        self.stages = len(graph["ops"]) + 1
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

    def is_new(self, stage, tensor):
        """Whether a tensor was made just before a stage."""
        return stage == (0 if tensor in self.graph["inputs"] else self.maker[tensor] + 1)

    def before(self, stage, tensor):
        """What says that a plain copy is there when a stage begins: a variable, or True."""
        return self.is_new(stage, tensor) or self.variable("plain", stage - 1, tensor)

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
            now = self.variable(begin, stage, tensor)
            self.needs(self.variable(end, stage, tensor), [*earlier, now])
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

    def solve(self, seconds):
        """Whether the program was solved in this time; that it has no answer counts, too."""
        self.solver.setOptionValue("time_limit", self.solver.getRunTime() + max(seconds, 0.1))
        self.solver.run()
        statuses = highspy.HighsModelStatus
        self.is_infeasible = self.solver.getModelStatus() == statuses.kInfeasible
        return self.is_infeasible or self.solver.getModelStatus() == statuses.kOptimal

    def bound(self):
        """A lower bound on the least cost, after `solve`."""
        bound = self.solver.getInfo().mip_dual_bound
        # Costs are whole numbers. Without any bound, nothing is known.
        return max(math.ceil(bound - 1e-6), 0) if math.isfinite(bound) else 0

    def problems(self):
        """Of each stage of the answer that has no order of its cost, the problem, and the cost that
        is missing; `None` if there is no order. None at all if the answer is a schedule."""
        values = self.solver.getSolution().col_value
        chosen = {key for key, column in self.known.items() if values[column] > 0.5}
        found = []
        goal = {("plain", tensor) for tensor in self.graph["outputs"]}
        for stage in reversed(range(self.stages)):
            if stage < len(self.graph["ops"]):
                goal |= {("plain", tensor) for tensor in self.graph["ops"][stage]["reads"]}
            start = {(kind, t) for kind, at, t in chosen if at == stage - 1 and kind in KINDS}
            new = {("plain", t) for t in self.tensors(stage) if self.is_new(stage, t)}
            steps = {(way, t) for way, at, t in chosen if at == stage and way in WAYS}
            problem = StageProblem(self.costs, start | new, goal, steps)
            least = problem.least(MOST_STATES)
            missing = None if least is None else least - problem.cost()
            if missing is None or missing > 0:
                found.append((problem, missing))
            # The answer may keep more than is needed.
            goal = problem.needed_start(least, FEW_STATES) - new
        return found

    def forbid(self, problem, missing):
        """Says that a problem has no order, or one that costs so much more: where no more is there
        at the start, no other steps are made, and no less has to be there at the end."""
        problem = problem.hardest(self.everything(), missing, FEW_STATES)
        for stage in range(self.stages):
            new = {("plain", t) for t in self.tensors(stage) if self.is_new(stage, t)}
            goal = [(kind, stage, t) for kind, t in problem.goal]
            if any(it not in self.known for it in goal) or not new <= problem.start:
                continue
            there = [(kind, stage - 1, t) for kind in KINDS for t in self.tensors(stage)]
            there = [it for it in there if (it[0], it[2]) not in problem.start]
            steps = [(way, stage, t) for way in WAYS for t in self.tensors(stage)]
            steps = [it for it in steps if (it[0], it[2]) not in problem.steps]
            others = [it for it in there + steps if it in self.known]
            terms = [(self.known[it], 1) for it in goal] + [(self.known[it], -1) for it in others]
            if missing is None:
                self.at_most(terms, len(goal) - 1)
                continue
            terms = [(column, factor * missing) for column, factor in terms]
            if ("extra", stage, None) not in self.known:
                extra = self.variable("extra", stage, None, 1)
                self.solver.changeColBounds(extra, 0, highspy.kHighsInf)
            terms.append((self.known["extra", stage, None], -1))
            self.at_most(terms, missing * (len(goal) - 1))

    def everything(self):
        """All that may be there at the start of a stage, and all steps."""
        tensors = range(len(self.graph["sizes"]))
        last = self.stages - 1
        steps = {(way, t) for way in WAYS for t in tensors if (way, last, t) in self.known}
        return {(kind, t) for kind in KINDS for t in tensors}, steps
