"""The cheapest order of the steps between two operators.

A state is what is in the fast memory, plain and compressed, and what is in the slow one. A step
brings a tensor back, spills it or compresses it; giving up what is there costs nothing. The
cheapest way from the start of a stage to what has to be there at its end is Dijkstra's. Memory is
checked after every step, so an order that is found is a part of a schedule.
"""

import heapq


class TooManyStates(Exception):
    """The search was given up."""


class StageProblem:
    """What there is at the start, what has to be there at the end, and which steps may be made.

    Each of them is a set: of `(kind, tensor)` where the kind is plain, packed or slow, and of steps
    `(way, tensor)`. Each step may be made any number of times.
    """

    def __init__(self, costs, start, goal, steps):
        self.costs, self.start, self.goal, self.steps = costs, start, goal, steps

    def used(self):
        """The tensors that a step names."""
        used = {tensor for _, tensor in self.steps}
        for way, tensor in self.steps:
            if way == "rerun":
                used.update(self.costs.operands(tensor))
        return used

    def cost(self):
        """The cost of making each step once."""
        return sum(self.costs.of(*step) for step in self.steps)

    def least(self, most_states):
        """The least cost of an order of the steps; `None` if there is none."""
        used = self.used()
        # What no step names stays or is given up at once.
        start = frozenset(it for it in self.start if it[1] in used or it in self.goal)
        if not self.goal <= start | self.products():
            return None
        best, heap, closed = {start: 0}, [(0, 0, start)], set()
        while heap:
            cost, _, state = heapq.heappop(heap)
            if state in closed:
                continue
            closed.add(state)
            if self.goal <= state:
                return cost
            if len(closed) > most_states:
                raise TooManyStates
            for added, after in self.nexts(state, used):
                if cost + added < best.get(after, float("inf")):
                    best[after] = cost + added
                    heapq.heappush(heap, (cost + added, len(best), after))
        return None

    def is_least(self, least, most_states):
        """Whether no order costs less, and it is known with so many states; `None` is more than any
        cost."""
        try:
            found = self.least(most_states)
        except TooManyStates:
            return False
        return found is None or (least is not None and found >= least)

    def hardest(self, everything, missing, few_states):
        """A problem that is like this one, with as much more at the start, as many more steps, and
        as little at the end, as it can have with an order that costs no less."""
        least = None if missing is None else self.cost() + missing
        hard = StageProblem(self.costs, self.start, self.goal, self.steps)
        for it in sorted(self.goal):
            less = StageProblem(self.costs, hard.start, hard.goal - {it}, hard.steps)
            hard = less if less.is_least(least, few_states) else hard
        for it in sorted(everything[0] - self.start):
            more = StageProblem(self.costs, hard.start | {it}, hard.goal, hard.steps)
            hard = more if more.is_least(least, few_states) else hard
        # What another set of steps would cost is not known.
        for step in sorted(everything[1] - self.steps) if least is None else []:
            more = StageProblem(self.costs, hard.start, hard.goal, hard.steps | {step})
            hard = more if more.is_least(least, few_states) else hard
        return hard

    def needed_start(self, least, few_states):
        """So much of the start as an order of the least cost needs."""
        needed = {it for it in self.start if it in self.goal or it[1] in self.used()}
        if least is None:
            return needed
        for it in sorted(needed):
            fewer = StageProblem(self.costs, needed - {it}, self.goal, self.steps)
            try:
                found = fewer.least(few_states)
            except TooManyStates:
                continue
            if found is not None and found <= max(least, self.cost()):
                needed = needed - {it}
        return needed

    def products(self):
        """What the steps make."""
        kinds = {"write": "slow", "compress": "packed"}
        return {(kinds.get(way, "plain"), tensor) for way, tensor in self.steps}

    def nexts(self, state, used):
        """The states that may be next, each with its cost."""
        for way, tensor in self.steps:
            after, bytes_needed = self.costs.step(state, way, tensor)
            if after is not None and bytes_needed <= self.costs.capacity:
                yield self.costs.of(way, tensor), after
        # Of what no step names, only that is there which stays to the end.
        for it in state:
            if it[0] != "slow" and it[1] in used:
                yield 0, state - {it}


class Costs:
    """The sizes and costs of a graph."""

    def __init__(self, graph):
        self.graph, self.capacity, self.sizes = graph, graph["capacity"], graph["sizes"]
        self.maker = {op["writes"][0]: at for at, op in enumerate(graph["ops"])}
        ratio = graph["packing"][0] if graph["packing"] is not None else 1
        self.packed = [-(-size // ratio) for size in self.sizes]

    def operands(self, tensor):
        """What the operator reads that makes a tensor."""
        return self.graph["ops"][self.maker[tensor]]["reads"]

    def of(self, way, tensor):
        """The cost of a step."""
        if way == "rerun":
            return self.graph["reruns"][self.maker[tensor]]
        pair, at = {
            "write": ("slow", 0),
            "fetch": ("slow", 1),
            "compress": ("packing", 1),
            "expand": ("packing", 2),
        }[way]
        return self.sizes[tensor] * self.graph[pair][at]

    def bytes(self, state):
        """The bytes in the fast memory."""
        sizes = {"plain": self.sizes, "packed": self.packed, "slow": [0] * len(self.sizes)}
        return sum(sizes[kind][tensor] for kind, tensor in state)

    def step(self, state, way, tensor):
        """The state after a step, and the bytes that it needs; `None` if it is impossible."""
        needs, makes = {
            "write": ([("plain", tensor)], ("slow", tensor)),
            "fetch": ([("slow", tensor)], ("plain", tensor)),
            "compress": ([("plain", tensor)], ("packed", tensor)),
            "expand": ([("packed", tensor)], ("plain", tensor)),
            "rerun": (None, ("plain", tensor)),
        }[way]
        if needs is None:
            needs = [("plain", operand) for operand in self.operands(tensor)]
        if makes in state or any(need not in state for need in needs):
            return None, 0
        after = state | {makes}
        return after, self.bytes(after)
