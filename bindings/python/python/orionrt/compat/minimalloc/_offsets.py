"""Offsets below a capacity: from the library's planner, and from a search of this package.

Stands on `_params`, `_problem`, `_shapes` and `_validate`. Buffers without gaps are the planner's
alone. Those with gaps are planned and searched for in turn.
"""

from __future__ import annotations

import time

import orionrt

from ._params import Duration
from ._problem import Buffer, Problem
from ._shapes import Search, Shapes
from ._validate import height, is_plain, is_power_of_two, rows

# How long buffers with gaps are first planned and then searched for, in seconds.
_MOMENT = 0.2


class Limit:
    """When searches end: at a time, or when a flag is set."""

    def __init__(self, timeout: Duration, cancel: orionrt.Cancel) -> None:
        self.cancel = cancel
        self._end = time.monotonic() + timeout.to_seconds()

    def within(self, seconds: float) -> Limit:
        """This limit, or some seconds from now if that is earlier."""
        other = Limit(Duration(seconds), self.cancel)
        other._end = min(other._end, self._end)
        return other

    def seconds(self) -> float:
        """The seconds that are left, which may be infinite."""
        return max(self._end - time.monotonic(), 0.0)

    def is_over(self) -> bool:
        """Whether the search ends now."""
        return self.cancel.cancelled or time.monotonic() > self._end


def find(problem: Problem, is_minimal: bool, limit: Limit) -> tuple[list[int] | None, bool]:
    """Offsets below the capacity, the lowest of all if it is to be minimal; or `None`, and whether
    it is proven that there are none."""
    buffers, capacity = problem.buffers, problem.capacity
    if not all(_fits_alone(buffer, capacity) for buffer in buffers):
        return None, True
    if all(is_plain(buffer) and not buffer.gaps for buffer in buffers):
        return _plan(buffers, capacity, is_minimal, limit)
    return _plan_and_search(buffers, capacity, is_minimal, limit)


def _fits_alone(buffer: Buffer, capacity: int) -> bool:
    offset = buffer.offset or 0
    return offset >= 0 and offset % buffer.alignment == 0 and offset + buffer.size <= capacity


def _plan(
    buffers: list[Buffer], capacity: int, is_minimal: bool, limit: Limit
) -> tuple[list[int] | None, bool]:
    """The library's plan of plain buffers."""
    lifetimes = orionrt.Lifetimes.from_rows(rows(buffers))
    if lifetimes.lower_bound > capacity:
        return None, True
    wanted = None if is_minimal else capacity
    try:
        plan = _planned(lifetimes, wanted, limit)
    except orionrt.OverlapError:
        return None, True
    except orionrt.CapacityError as error:
        plan = error.best
        if not limit.is_over():
            # The search has come to its end: one for the lowest peak says whether there is a lower
            # one.
            plan = _planned(lifetimes, None, limit)
    if plan.peak > capacity:
        return None, plan.lower_bound > capacity
    return plan.offsets.tolist(), False


def _planned(lifetimes: orionrt.Lifetimes, capacity: int | None, limit: Limit) -> orionrt.Plan:
    seconds = limit.seconds()
    return orionrt.plan(
        lifetimes,
        capacity=capacity,
        time_limit=seconds,
        cancel=limit.cancel,
        on_interrupt="raise",
    )


def _plan_and_search(
    buffers: list[Buffer], capacity: int, is_minimal: bool, limit: Limit
) -> tuple[list[int] | None, bool]:
    """Offsets of buffers with gaps, by the library and by a search in turn, longer each time.

    The library takes windows for times at which all bytes are needed: what it finds then is right,
    but that it finds nothing proves nothing. The search finds whatever the library can.
    """
    can_plan = all(_can_be_whole(buffer) for buffer in buffers)
    has_windows = not all(is_plain(buffer) for buffer in buffers)
    load = _load(buffers)
    shapes = Shapes(buffers)
    best: list[int] | None = None
    search = Search(shapes, capacity)
    seconds = _MOMENT
    while load <= capacity:
        found: list[int] | None = None
        if can_plan:
            found, is_proven = _plan(buffers, capacity, is_minimal, limit.within(seconds))
            if is_proven and not has_windows:
                break
        if found is None:
            found = search.run(limit.within(seconds).is_over)
        if found is not None:
            best, capacity = found, height(buffers, found) - 1
            search = Search(shapes, capacity)
        elif search.is_at_its_end:
            return best, best is None and shapes.is_ordered
        if (best is not None and not is_minimal) or limit.is_over():
            return best, False
        seconds *= 2
    return best, best is None


def _load(buffers: list[Buffer]) -> int:
    """The most bytes that are needed at one step, windows alone where there are any."""
    pieces = [piece for buffer in buffers for piece in buffer.pieces()]
    rows = (
        (str(index), piece.lower, piece.upper, max(piece.window.upper - piece.window.lower, 0))
        for index, piece in enumerate(pieces)
    )
    return orionrt.Lifetimes.from_rows(rows).load


def _can_be_whole(buffer: Buffer) -> bool:
    """Whether the library can place the buffer once its windows are as large as the buffer."""
    windows = [gap.window for gap in buffer.gaps if gap.window is not None]
    is_within = all(0 <= w.lower <= w.upper <= buffer.size for w in windows)
    return is_within and is_power_of_two(buffer.alignment)
