"""A search for buffers whose needs change over time, or whose alignments are no powers of two.

Stands on `_problem`. The library places buffers that need all of their bytes or none, and with gaps
it proves no more than its lower bound; a gap with a window it does not know at all. Here each pair
of buffers that meet has two distances: how far above the offset of one the other must begin.

The search places buffers in the order of their offsets, each as low as those below it allow, and
goes back where one ends above the capacity. A buffer that hinders no other one is placed at once,
and none is placed so high that another one would fit below it.

Invariant: if all distances are positive, then a search that has come to its end without a solution
has proven that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ._problem import Buffer, distance


class Shapes:
    """Buffers with the distances that they must keep."""

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self.buffers = buffers
        self.distances = _distances(buffers)
        self.is_ordered = all(gap > 0 for above in self.distances for gap in above.values())
        self.most = [max(above.values(), default=0) for above in self.distances]

    def overlap(self, offsets: Sequence[int]) -> bool:
        """Whether two buffers are closer than they must be."""
        for low, above in enumerate(self.distances):
            for high, gap in above.items():
                is_above = offsets[low] + gap <= offsets[high]
                is_below = offsets[high] + self.distances[high][low] <= offsets[low]
                if not is_above and not is_below:
                    return True
        return False


class Search:
    """A search for offsets below a capacity, which can be left and taken up again."""

    def __init__(self, shapes: Shapes, capacity: int) -> None:
        self._buffers = shapes.buffers
        self._shapes = shapes
        self._capacity = capacity
        start = self._start()
        self._stack = [] if start is None else [start]

    def run(self, is_over: Callable[[], bool]) -> list[int] | None:
        """Goes on until it has offsets, has come to its end or is over."""
        while self._stack and not is_over():
            node = self._stack[-1]
            if not node.left:
                return node.offsets
            if not node.choices:
                self._stack.pop()
                continue
            child = self._place(node, node.choices.pop())
            if child is not None:
                self._stack.append(child)
        return None

    @property
    def is_at_its_end(self) -> bool:
        """Whether there is nothing left to try."""
        return not self._stack

    def _start(self) -> _Node | None:
        count = len(self._buffers)
        node = _Node([0] * count, [0] * count, set(range(count)))
        if any(not self._fits(node, index) for index in node.left):
            return None
        return self._ready(node, (-1, -1))

    def _place(self, parent: _Node, index: int) -> _Node | None:
        """The node after a buffer was placed; `None` if another one finds no room then."""
        node = _Node(list(parent.least), list(parent.offsets), parent.left - {index})
        offset = self._offset(node, index)
        node.offsets[index] = offset
        for other, gap in self._shapes.distances[index].items():
            if other in node.left:
                least = _aligned(offset + gap, self._buffers[other].alignment)
                node.least[other] = max(node.least[other], least)
                if not self._fits(node, other):
                    return None
        return self._ready(node, (offset, index))

    def _ready(self, node: _Node, last: tuple[int, int]) -> _Node | None:
        """The node with the buffers among which it chooses; `None` if it leads nowhere."""
        self._settle(node)
        fixed = {i: offset for i in node.left if (offset := self._buffers[i].offset) is not None}
        if self._shapes.is_ordered and any((offset, i) < last for i, offset in fixed.items()):
            return None
        tops = (node.least[i] + self._shapes.most[i] for i in node.left if i not in fixed)
        top = min(tops, default=None)

        def is_choice(index: int) -> bool:
            offset = self._offset(node, index)
            return not self._shapes.is_ordered or (
                (offset, index) > last and (top is None or offset < top)
            )

        def preference(index: int) -> tuple[int, int, int]:
            return (-self._offset(node, index), self._buffers[index].area(), -index)

        node.choices = sorted(filter(is_choice, node.left), key=preference)
        return node

    def _settle(self, node: _Node) -> None:
        """Places the buffers that are in nobody's way as low as they can be."""
        for index in sorted(node.left):
            offset = self._offset(node, index)
            above = self._shapes.distances[index].items()
            if all(self._offset(node, i) >= offset + gap for i, gap in above if i in node.left):
                node.offsets[index] = offset
                node.left.remove(index)

    def _offset(self, node: _Node, index: int) -> int:
        fixed = self._buffers[index].offset
        return node.least[index] if fixed is None else fixed

    def _fits(self, node: _Node, index: int) -> bool:
        buffer = self._buffers[index]
        if buffer.offset is not None and node.least[index] > buffer.offset:
            return False
        return self._offset(node, index) + buffer.size <= self._capacity


class _Node:
    """A partial placement: of the buffers that are left, the least offsets above the others."""

    __slots__ = ("choices", "least", "left", "offsets")

    def __init__(self, least: list[int], offsets: list[int], left: set[int]) -> None:
        self.least = least
        self.offsets = offsets
        self.left = left
        self.choices: list[int] = []


def _aligned(offset: int, alignment: int) -> int:
    return -(-max(offset, 0) // alignment) * alignment


def _distances(buffers: Sequence[Buffer]) -> list[dict[int, int]]:
    """For each buffer, those that meet it and how far above its offset they must begin."""
    distances: list[dict[int, int]] = [{} for _ in buffers]
    pieces = [buffer.pieces() for buffer in buffers]
    order = sorted(range(len(buffers)), key=lambda index: buffers[index].lifespan.lower)
    alive: list[int] = []
    for index in order:
        buffer = buffers[index]
        alive = [other for other in alive if buffers[other].lifespan.upper > buffer.lifespan.lower]
        for other in alive:
            below = distance(pieces[other], pieces[index])
            above = distance(pieces[index], pieces[other])
            if below is not None and above is not None:
                distances[other][index] = below
                distances[index][other] = above
        alive.append(index)
    return distances
