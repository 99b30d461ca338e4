"""The values of a problem and of its answer: intervals, gaps, buffers, problems, solutions.

Stands on nothing. Plain values that are changed at will; what they must satisfy is checked when a
problem is solved. Steps have no unit, and sizes and offsets are in bytes or in whatever unit the
caller counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator


@dataclasses.dataclass(frozen=True, order=True, slots=True)
class Interval:
    """The steps or the bytes `lower..upper`, without `upper`."""

    lower: int = 0
    upper: int = 0

    def __repr__(self) -> str:
        return f"Interval({self.lower}, {self.upper})"


Lifespan = Interval
Window = Interval


@dataclasses.dataclass(slots=True)
class Gap:
    """Steps at which a buffer needs no bytes, or only those of a window within its own."""

    lifespan: Interval = Interval()
    window: Interval | None = None

    def __hash__(self) -> int:
        return hash((self.lifespan, self.window))


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A part of a buffer's lifespan with the bytes that it needs then, counted from its offset."""

    lower: int
    upper: int
    window: Interval


@dataclasses.dataclass(slots=True)
class Buffer:
    """A buffer: `size` bytes at every step of `lifespan`, but for its gaps.

    The offset is a multiple of `alignment`; `offset`, if it is given, is where the buffer must be.
    `hint` is kept and written to files, but does not lead the search.
    """

    id: str = ""
    lifespan: Interval = Interval()
    size: int = 0
    alignment: int = 1
    gaps: list[Gap] = dataclasses.field(default_factory=list[Gap])
    offset: int | None = None
    hint: int | None = dataclasses.field(default=None, compare=False)

    def __hash__(self) -> int:
        return hash((self.id, self.lifespan, self.size, self.alignment, self.offset))

    def area(self) -> int:
        """The size times the length of the lifespan."""
        return self.size * (self.lifespan.upper - self.lifespan.lower)

    def effective_size(self, other: Buffer) -> int | None:
        """How far above this buffer's offset `other` must begin, if it is the upper one of the two.

        `None` if the two never need bytes at the same step.

        >>> a = Buffer("a", Interval(0, 2), 4)
        >>> a.effective_size(Buffer("b", Interval(1, 3), 5))
        4
        >>> a.effective_size(Buffer("c", Interval(2, 3), 5)) is None
        True
        """
        return distance(self.pieces(), other.pieces())

    def pieces(self) -> list[Piece]:
        """The bytes that are needed over time. Where gaps overlap, all of their windows are."""
        whole = Interval(0, self.size)
        if not self.gaps:
            lower, upper = self.lifespan.lower, self.lifespan.upper
            return [Piece(lower, upper, whole)] if lower < upper else []
        found: list[Piece] = []
        ends = self._ends()
        for lower, upper in zip(ends, ends[1:]):
            gaps = [gap for gap in self.gaps if _covers(gap.lifespan, lower)]
            windows = [gap.window for gap in gaps if gap.window is not None]
            if not gaps:
                found.append(Piece(lower, upper, whole))
            elif windows:
                start = min(window.lower for window in windows)
                end = max(window.upper for window in windows)
                found.append(Piece(lower, upper, Interval(start, end)))
        return found

    def _ends(self) -> list[int]:
        """The steps of the lifespan at which the bytes that are needed may change."""
        first, last = self.lifespan.lower, self.lifespan.upper
        steps = {first, last}
        for gap in self.gaps:
            steps.update((gap.lifespan.lower, gap.lifespan.upper))
        return sorted(step for step in steps if first <= step <= last)


def _covers(interval: Interval, value: int) -> bool:
    return interval.lower <= value < interval.upper


def distance(low: list[Piece], high: list[Piece]) -> int | None:
    """How far above the offset of one buffer another one must begin to be above it; `None` if the
    two never need bytes at the same step."""
    pairs = _at_once(low, high)
    return max((a.window.upper - b.window.lower for a, b in pairs), default=None)


def _at_once(first: list[Piece], second: list[Piece]) -> Iterator[tuple[Piece, Piece]]:
    """The pairs of pieces with a common step; both lists are in order of time."""
    i = j = 0
    while i < len(first) and j < len(second):
        a, b = first[i], second[j]
        if a.lower < b.upper and b.lower < a.upper:
            yield a, b
        if a.upper <= b.upper:
            i += 1
        else:
            j += 1


@dataclasses.dataclass(slots=True)
class Solution:
    """An offset for each buffer, in the order of the problem; `height` is the end of the last."""

    offsets: list[int] = dataclasses.field(default_factory=list[int])
    height: int = dataclasses.field(default=0, compare=False)

    def __hash__(self) -> int:
        return hash(tuple(self.offsets))


@dataclasses.dataclass(slots=True)
class Problem:
    """Buffers that are to be placed below `capacity`."""

    buffers: list[Buffer] = dataclasses.field(default_factory=list[Buffer])
    capacity: int = 0

    def __hash__(self) -> int:
        return hash((self.capacity, tuple(self.buffers)))

    def strip_solution(self) -> Solution | None:
        """Takes the offsets out of the buffers; `None` if a buffer has none.

        As in MiniMalloc, the height of this solution is 0, and the buffers before the one without
        an offset have lost theirs.
        """
        offsets: list[int] = []
        for buffer in self.buffers:
            if buffer.offset is None:
                return None
            offsets.append(buffer.offset)
            buffer.offset = None
        return Solution(offsets)
