"""Solving: a search for each problem.

Stands on `_params`, `_problem`, `_offsets` and `_validate`. Invariant: what is returned is a
solution. Whether the absence of one is proven is known to `Solver.is_infeasible`.
"""

from __future__ import annotations

import copy

import orionrt

from ._offsets import Limit, find
from ._params import SolverParams
from ._problem import Buffer, Problem, Solution
from ._validate import height


class Solver:
    """Solves problems; each in a search of its own.

    >>> from orionrt.compat.minimalloc import Buffer, Interval
    >>> problem = Problem([Buffer("a", Interval(0, 2), 4), Buffer("b", Interval(1, 3), 4)], 8)
    >>> Solver().solve(problem).height
    8
    """

    def __init__(self, params: SolverParams | None = None) -> None:
        self._params = copy.copy(params) if params is not None else SolverParams()
        self._cancel = orionrt.Cancel()
        self._is_infeasible = False
        self._has_failed = False

    def solve(self, problem: Problem) -> Solution | None:
        """Offsets for all buffers, below the capacity of the problem.

        `None` if there is no solution, or if none was found before the timeout or `cancel`;
        `is_infeasible` tells the two apart. A first pass runs whatever the timeout is, so that
        easy problems are solved with any.

        Raises `ValueError` for a buffer of a negative size, with an alignment below 1, or whose
        lifespan ends before it begins.
        """
        self._cancel = orionrt.Cancel()
        return self._solve(problem, Limit(self._params.timeout, self._cancel))

    @property
    def is_infeasible(self) -> bool:
        """Whether the latest call of `solve` has proven that there is no solution.

        MiniMalloc does not have this.
        """
        return self._is_infeasible

    def get_backtracks(self) -> int:
        """1 if the latest search came back without a solution, otherwise 0.

        MiniMalloc counts the branches that it gave up; this library does not search in that way.
        """
        return int(self._has_failed)

    def cancel(self) -> None:
        """Ends a call of `solve` that runs on another thread."""
        self._cancel.cancel()

    def compute_irreducible_infeasible_subset(self, problem: Problem) -> list[int] | None:
        """The numbers of buffers that cannot be placed together, while without any of them the
        others can.

        `None` if a search has not come to its end before the timeout. Of a problem with a solution
        it is all buffers, as in MiniMalloc.
        """
        self._cancel = orionrt.Cancel()
        limit = Limit(self._params.timeout, self._cancel)
        kept = list(range(len(problem.buffers)))
        for index in range(len(problem.buffers)):
            others = [other for other in kept if other != index]
            buffers = [problem.buffers[other] for other in others]
            solution = self._solve(Problem(buffers, problem.capacity), limit)
            if solution is None and not self._is_infeasible:
                return None
            if solution is None:
                kept = others
        return kept

    def _solve(self, problem: Problem, limit: Limit) -> Solution | None:
        _check(problem.buffers)
        offsets, is_proven = find(problem, self._params.minimize_capacity, limit)
        self._is_infeasible = offsets is None and is_proven
        self._has_failed = offsets is None
        if offsets is None:
            return None
        return Solution(offsets, height(problem.buffers, offsets))


def _check(buffers: list[Buffer]) -> None:
    for index, buffer in enumerate(buffers):
        place = f"buffer {index} (id '{buffer.id}')"
        if buffer.size < 0:
            raise ValueError(f"{place}: size is {buffer.size}, expected 0 or more")
        if buffer.alignment < 1:
            raise ValueError(f"{place}: alignment is {buffer.alignment}, expected 1 or more")
        if buffer.lifespan.upper < buffer.lifespan.lower:
            raise ValueError(f"{place}: lifespan is {buffer.lifespan}, expected lower <= upper")
