"""Whether a solution is one, and if not, in what way.

Stands on `_problem`, `_shapes` and the library's check.
"""

from __future__ import annotations

import enum

import orionrt

from ._problem import Buffer, Problem, Solution
from ._shapes import Shapes


class ValidationResult(enum.IntEnum):
    """What `validate` says of a solution."""

    GOOD = 0
    """The offsets and the height are right."""
    BAD_SOLUTION = 1
    """There is another number of offsets than of buffers."""
    BAD_FIXED = 2
    """A buffer is not at the offset that it must have."""
    BAD_OFFSET = 3
    """A buffer begins below 0 or ends above the capacity."""
    BAD_OVERLAP = 4
    """Two buffers share bytes at the same step."""
    BAD_ALIGNMENT = 5
    """An offset is not a multiple of the buffer's alignment."""
    BAD_HEIGHT = 6
    """The height is not the end of the highest buffer."""


def validate(problem: Problem, solution: Solution) -> ValidationResult:
    """Checks a solution.

    >>> from orionrt.compat.minimalloc import Buffer, Interval
    >>> problem = Problem([Buffer("a", Interval(0, 2), 4), Buffer("b", Interval(1, 3), 4)], 8)
    >>> validate(problem, Solution([0, 4], height=8)).name
    'GOOD'
    >>> validate(problem, Solution([0, 2], height=6)).name
    'BAD_OVERLAP'
    """
    if len(problem.buffers) != len(solution.offsets):
        return ValidationResult.BAD_SOLUTION
    for buffer, offset in zip(problem.buffers, solution.offsets):
        mistake = _mistake(buffer, offset, problem.capacity, solution.height)
        if mistake is not None:
            return mistake
    if height(problem.buffers, solution.offsets) != solution.height:
        return ValidationResult.BAD_HEIGHT
    if _overlap(problem.buffers, solution.offsets):
        return ValidationResult.BAD_OVERLAP
    return ValidationResult.GOOD


def height(buffers: list[Buffer], offsets: list[int]) -> int:
    """The end of the highest buffer."""
    return max((offset + buffer.size for buffer, offset in zip(buffers, offsets)), default=0)


def is_plain(buffer: Buffer) -> bool:
    """Whether the library can place the buffer: it needs all of its bytes or none, and its
    alignment is a power of two."""
    has_windows = any(gap.window is not None for gap in buffer.gaps)
    return is_power_of_two(buffer.alignment) and not has_windows


def is_power_of_two(number: int) -> bool:
    """Whether a number is 1, 2, 4, ..."""
    return number > 0 and number & (number - 1) == 0


def rows(buffers: list[Buffer]) -> list[dict[str, object]]:
    """Plain buffers as rows of the library, called by their numbers.

    A buffer that never needs bytes is left with an empty lifetime.
    """
    found: list[dict[str, object]] = []
    for index, buffer in enumerate(buffers):
        pieces = buffer.pieces()
        lower = pieces[0].lower if pieces else buffer.lifespan.lower
        upper = pieces[-1].upper if pieces else lower
        pairs = zip(pieces, pieces[1:])
        found.append(
            {
                "name": str(index),
                "lower": lower,
                "upper": upper,
                "size": buffer.size,
                "alignment": buffer.alignment,
                "gaps": [(a.upper, b.lower) for a, b in pairs if a.upper < b.lower],
                "fixed_offset": buffer.offset,
            }
        )
    return found


def _mistake(buffer: Buffer, offset: int, capacity: int, top: int) -> ValidationResult | None:
    """What is wrong with one buffer by itself."""
    end = offset + buffer.size
    if buffer.offset is not None and buffer.offset != offset:
        return ValidationResult.BAD_FIXED
    if offset < 0 or end > capacity:
        return ValidationResult.BAD_OFFSET
    if end > top:
        return ValidationResult.BAD_HEIGHT
    if buffer.alignment < 1 or offset % buffer.alignment != 0:
        return ValidationResult.BAD_ALIGNMENT
    return None


def _overlap(buffers: list[Buffer], offsets: list[int]) -> bool:
    if not all(is_plain(buffer) for buffer in buffers):
        return Shapes(buffers).overlap(offsets)
    try:
        orionrt.check(orionrt.Lifetimes.from_rows(rows(buffers)), offsets)
    except orionrt.OverlapError:
        return True
    return False
