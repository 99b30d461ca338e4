"""What a solver is told: durations and parameters.

Stands on nothing.
"""

from __future__ import annotations

import math


class Duration:
    """A time in seconds, which may be infinite.

    >>> Duration.from_milliseconds(1500)
    Duration(1.5 seconds)
    >>> Duration(3) < Duration.infinite()
    True
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = float(seconds)

    @classmethod
    def from_seconds(cls, seconds: float) -> Duration:
        """A time in seconds."""
        return cls(seconds)

    @classmethod
    def from_milliseconds(cls, milliseconds: float) -> Duration:
        """A time in thousandths of a second."""
        return cls(milliseconds / 1e3)

    @classmethod
    def from_microseconds(cls, microseconds: float) -> Duration:
        """A time in millionths of a second."""
        return cls(microseconds / 1e6)

    @classmethod
    def infinite(cls) -> Duration:
        """A time without end."""
        return cls(math.inf)

    def to_seconds(self) -> float:
        """The time in seconds."""
        return self._seconds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self._seconds == other._seconds

    def __hash__(self) -> int:
        return hash(self._seconds)

    def __lt__(self, other: Duration) -> bool:
        return self._seconds < other._seconds

    def __le__(self, other: Duration) -> bool:
        return self._seconds <= other._seconds

    def __repr__(self) -> str:
        if self._seconds == math.inf:
            return "Duration.infinite()"
        return f"Duration({self._seconds} seconds)"


class SolverParams:
    """What a solver does. Only `timeout` and `minimize_capacity` have an effect here.

    `timeout` takes a `Duration`, a number of seconds, or `None` for a time without end, and is a
    `Duration` when it is read. With `minimize_capacity` the solution is the lowest that is found,
    not the first one below the capacity.
    """

    def __init__(self) -> None:
        self._timeout = Duration.infinite()
        self.minimize_capacity = False
        self.canonical_only = True
        self.section_inference = True
        self.dynamic_ordering = True
        self.check_dominance = True
        self.unallocated_floor = True
        self.static_preordering = True
        self.dynamic_decomposition = True
        self.monotonic_floor = True
        self.hatless_pruning = True
        self.preordering_heuristics = ["WAT", "TAW", "TWA"]

    @property
    def timeout(self) -> Duration:
        """How long a search may take; infinite unless it is set."""
        return self._timeout

    @timeout.setter
    def timeout(self, value: Duration | float | None) -> None:
        if value is None:
            self._timeout = Duration.infinite()
        elif isinstance(value, Duration):
            self._timeout = value
        else:
            self._timeout = Duration(value)
