"""Solving and checking with `orionrt.compat.minimalloc`.

The oracle tries all offsets of a few small buffers, by the definition of an overlap that MiniMalloc
has: of two buffers that meet, one is above the other at every common step.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence

import orionrt.compat.minimalloc as mm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orionrt.compat.minimalloc import ValidationResult as Result


def gap(lower: int, upper: int, *window: int) -> mm.Gap:
    return mm.Gap(mm.Lifespan(lower, upper), mm.Window(*window) if window else None)


def problem(capacity: int, *rows: Sequence[int], **changes: object) -> mm.Problem:
    """Buffers from rows (lower, upper, size); a change `b2_offset=1` sets a field of the third."""
    buffers = [mm.Buffer(f"b{i}", mm.Lifespan(a, b), size) for i, (a, b, size) in enumerate(rows)]
    for name, value in changes.items():
        index, _, field = name.removeprefix("b").partition("_")
        setattr(buffers[int(index)], field, value)
    return mm.Problem(buffers, capacity)


FIVE = ((1, 2, 1), (0, 2, 1), (2, 3, 2), (1, 3, 1), (0, 1, 2))
STAIRS = problem(
    144,
    (0, 108, 30),
    (36, 144, 50),
    (84, 144, 42),
    (84, 129, 42),
    (99, 144, 70),
    (0, 144, 30),
    b0_gaps=[gap(36, 72, 10, 30), gap(72, 108, 20, 30)],
    b1_gaps=[gap(36, 72, 20, 30), gap(72, 108, 10, 40)],
    b2_gaps=[gap(114, 129, 0, 28), gap(129, 144, 0, 14)],
    b3_gaps=[gap(99, 114, 14, 42), gap(114, 129, 28, 42)],
    b4_gaps=[gap(99, 114, 28, 42), gap(114, 129, 14, 56)],
    b5_gaps=[gap(72, 108, 0, 20), gap(108, 144, 0, 10)],
)
TETRIS = problem(3, (0, 10, 2), (0, 10, 2), b0_gaps=[gap(0, 5, 0, 1)], b1_gaps=[gap(5, 10, 1, 2)])

FEASIBLE = {
    "one buffer": problem(2, (0, 2, 2)),
    "two that meet": problem(4, (0, 2, 2), (1, 3, 2)),
    "five, tightly": problem(3, *FIVE),
    "a fixed one": problem(3, *FIVE, b2_offset=1),
    "two parts": problem(4, (0, 2, 2), (1, 3, 2), (3, 5, 2), (4, 6, 2)),
    "even offsets": problem(4, (0, 2, 1), (0, 2, 1), b0_alignment=2, b1_alignment=2),
    "multiples of three": problem(4, (0, 2, 1), (0, 2, 1), b0_alignment=3, b1_alignment=3),
    "a gap": problem(2, (0, 4, 2), (1, 3, 2), b0_gaps=[gap(1, 3)]),
    "gaps that overlap": problem(2, (0, 4, 2), (1, 3, 2), b0_gaps=[gap(1, 3), gap(0, 2)]),
    "tetris": TETRIS,
    "stairs": STAIRS,
    "nothing but a gap": problem(2, (0, 4, 2), (1, 3, 2), b0_gaps=[gap(0, 4)]),
    "never alive": problem(2, (0, 4, 2), (1, 1, 2)),
}
INFEASIBLE = {
    "too large": problem(2, (0, 2, 3)),
    "two that meet": problem(3, (0, 2, 2), (0, 2, 2)),
    "seven": problem(
        4, (0, 1, 3), (0, 3, 1), (4, 5, 3), (2, 5, 1), (1, 2, 2), (3, 4, 2), (1, 4, 1)
    ),
    "a fixed one": problem(3, *FIVE, b0_offset=0),
    "fixed and misaligned": problem(9, (0, 2, 2), b0_offset=3, b0_alignment=2),
    "fixed below 0": problem(9, (0, 2, 2), b0_offset=-1),
    "two fixed": problem(9, (0, 2, 2), (0, 2, 2), b0_offset=0, b1_offset=1),
    "tetris": mm.Problem(TETRIS.buffers, 2),
    "multiples of three": problem(3, (0, 2, 1), (0, 2, 1), b0_alignment=3, b1_alignment=3),
    "no capacity": problem(-1, (0, 2, 0)),
}


@pytest.mark.parametrize("name", FEASIBLE)
@pytest.mark.parametrize("minimize", [False, True])
def test_what_fits_is_solved(name: str, minimize: bool) -> None:
    params = mm.SolverParams()
    params.minimize_capacity = minimize
    solver = mm.Solver(params)
    solution = solver.solve(FEASIBLE[name])
    assert solution is not None
    assert mm.validate(FEASIBLE[name], solution) is Result.GOOD
    assert not solver.is_infeasible
    wider = mm.Problem(FEASIBLE[name].buffers, FEASIBLE[name].capacity + 100)
    lowest = solver.solve(wider)
    assert lowest is not None
    assert not minimize or lowest.height <= FEASIBLE[name].capacity


@pytest.mark.parametrize("name", INFEASIBLE)
@pytest.mark.parametrize("minimize", [False, True])
def test_what_does_not_fit_is_proven_not_to(name: str, minimize: bool) -> None:
    params = mm.SolverParams()
    params.minimize_capacity = minimize
    solver = mm.Solver(params)
    assert solver.solve(INFEASIBLE[name]) is None
    assert solver.is_infeasible
    assert solver.get_backtracks() == 1
    assert solver.solve(FEASIBLE["a gap"]) is not None
    assert not solver.is_infeasible


def test_no_buffers_fit_into_nothing() -> None:
    assert mm.Solver().solve(mm.Problem([], 0)) == mm.Solution([])


def test_the_example_of_the_front_page() -> None:
    found = mm.from_csv(
        "id,lower,upper,size\nb1,0,3,4\nb2,3,9,4\nb3,0,9,4\nb4,9,21,4\nb5,0,21,4\n"
    )
    assert found is not None
    found.capacity = 12
    solution = mm.Solver().solve(found)
    assert solution is not None
    assert solution.height == 12
    assert mm.validate(found, solution) is Result.GOOD
    found.capacity = 11
    assert mm.Solver().solve(found) is None


def test_the_smallest_subset_that_does_not_fit() -> None:
    five = problem(4, (0, 2, 2), (0, 2, 2), (2, 5, 2), (3, 6, 2), (4, 7, 2))
    assert mm.Solver().compute_irreducible_infeasible_subset(five) == [2, 3, 4]
    five.capacity = 6
    assert mm.Solver().compute_irreducible_infeasible_subset(five) == [0, 1, 2, 3, 4]


def test_the_solver_keeps_the_parameters_that_it_was_made_with() -> None:
    params = mm.SolverParams()
    params.timeout = 5
    assert params.timeout == mm.Duration(5)
    params.timeout = mm.Duration(2.5)
    assert params.timeout.to_seconds() == 2.5
    solver = mm.Solver(params)
    params.minimize_capacity = True
    params.timeout = None
    assert params.timeout == mm.Duration.infinite()
    for name in ("canonical_only", "hatless_pruning", "monotonic_floor"):
        assert getattr(params, name) is True
        setattr(params, name, False)
    assert params.preordering_heuristics == ["WAT", "TAW", "TWA"]
    assert solver.solve(FEASIBLE["stairs"]) is not None
    assert solver.get_backtracks() == 0


def test_a_search_ends_at_its_timeout_and_says_that_nothing_is_proven() -> None:
    # All 14 meet, and each but the highest takes 3 bytes: 12 of them need 35 bytes, 13 need 38. The
    # search has to try them in every order.
    rows = [(0, 5 + index, 2) for index in range(14)]
    hard = problem(37, *rows, **{f"b{index}_alignment": 3 for index in range(14)})
    params = mm.SolverParams()
    params.timeout = 0.05
    solver = mm.Solver(params)
    assert solver.solve(hard) is None
    assert not solver.is_infeasible
    assert solver.compute_irreducible_infeasible_subset(hard) is None
    assert solver.solve(mm.Problem(hard.buffers[:12], 37)) is not None

    patient = mm.Solver()
    timer = threading.Timer(0.05, patient.cancel)
    timer.start()
    assert patient.solve(hard) is None
    assert not patient.is_infeasible
    timer.join()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b0_size": -1}, r"buffer 0 \(id 'b0'\): size is -1, expected 0 or more"),
        ({"b1_alignment": 0}, r"buffer 1 \(id 'b1'\): alignment is 0, expected 1 or more"),
        ({"b0_lifespan": mm.Lifespan(2, 1)}, r"lifespan is Interval\(2, 1\), expected lower"),
    ],
)
def test_impossible_buffers_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mm.Solver().solve(problem(9, (0, 2, 2), (0, 2, 2), **change))


THREE = ((0, 1, 2), (1, 2, 1), (1, 2, 1))


@pytest.mark.parametrize(
    ("of", "solution", "result"),
    [
        (problem(2, (0, 1, 2), (1, 3, 1), (2, 4, 1), (3, 5, 1)), ([0, 0, 1, 0], 2), Result.GOOD),
        (STAIRS, ([30, 10, 60, 102, 74, 0], 144), Result.GOOD),
        (STAIRS, ([30, 10, 60, 102, 73, 0], 144), Result.BAD_OVERLAP),
        (TETRIS, ([0, 1], 3), Result.GOOD),
        (mm.Problem(TETRIS.buffers, 4), ([1, 0], 3), Result.BAD_OVERLAP),
        (problem(2, *THREE), ([0, 0], 2), Result.BAD_SOLUTION),
        (problem(2, *THREE, b2_offset=0), ([0, 0, 1], 2), Result.BAD_FIXED),
        (problem(2, *THREE), ([0, 0, -1], 2), Result.BAD_OFFSET),
        (problem(2, *THREE), ([0, 0, 2], 2), Result.BAD_OFFSET),
        (problem(3, *THREE), ([0, 0, 2], 2), Result.BAD_HEIGHT),
        (problem(4, *THREE), ([0, 0, 2], 4), Result.BAD_HEIGHT),
        (problem(2, *THREE), ([0, 0, 0], 2), Result.BAD_OVERLAP),
        (problem(2, *THREE[:2], b1_alignment=2), ([0, 1], 2), Result.BAD_ALIGNMENT),
        (problem(2, *THREE[:2], b1_alignment=2), ([0, 1], 1), Result.BAD_HEIGHT),
        (
            problem(2, (0, 10, 2), (5, 15, 2), b0_gaps=[gap(1, 9)], b1_gaps=[gap(6, 14)]),
            ([0, 0], 2),
            Result.GOOD,
        ),
        (
            problem(2, (0, 10, 2), (5, 15, 2), b0_gaps=[gap(1, 8)], b1_gaps=[gap(8, 14)]),
            ([0, 0], 2),
            Result.GOOD,
        ),
        (
            problem(2, (0, 10, 2), (5, 15, 2), b0_gaps=[gap(1, 7)], b1_gaps=[gap(8, 14)]),
            ([0, 0], 2),
            Result.BAD_OVERLAP,
        ),
    ],
)
def test_solutions_are_judged(
    of: mm.Problem, solution: tuple[list[int], int], result: mm.ValidationResult
) -> None:
    assert mm.validate(of, mm.Solution(*solution)) is result


def window_at(buffer: mm.Buffer, step: int) -> mm.Window | None:
    """The bytes that a buffer with at most one gap needs at a step."""
    if not buffer.lifespan.lower <= step < buffer.lifespan.upper:
        return None
    for one in buffer.gaps:
        if one.lifespan.lower <= step < one.lifespan.upper:
            return one.window
    return mm.Window(0, buffer.size)


def is_right(of: mm.Problem, offsets: Sequence[int]) -> bool:
    """Whether of each pair, one buffer is above the other one at every common step."""

    def is_above(low: int, high: int) -> bool:
        for step in range(8):
            a, b = window_at(of.buffers[low], step), window_at(of.buffers[high], step)
            if a and b and offsets[low] + a.upper > offsets[high] + b.lower:
                return False
        return True

    pairs = itertools.combinations(range(len(offsets)), 2)
    return all(is_above(i, j) or is_above(j, i) for i, j in pairs)


def placements(of: mm.Problem) -> Iterator[tuple[int, ...]]:
    """All offsets below the capacity with which the buffers share no bytes."""

    def choices(buffer: mm.Buffer) -> range:
        last = of.capacity - buffer.size
        if buffer.offset is not None:
            return range(buffer.offset, min(buffer.offset, last) + 1)
        return range(0, last + 1, buffer.alignment)

    every = itertools.product(*(choices(buffer) for buffer in of.buffers))
    return (offsets for offsets in every if is_right(of, offsets))


@st.composite
def buffers(draw: st.DrawFn) -> mm.Buffer:
    lower = draw(st.integers(0, 5))
    upper = draw(st.integers(lower + 1, 7))
    size = draw(st.integers(1, 4))
    alignment = draw(st.sampled_from([1, 1, 2, 3]))
    found = mm.Buffer("x", mm.Interval(lower, upper), size, alignment)
    if draw(st.booleans()):
        start = draw(st.integers(lower, upper - 1))
        end = draw(st.integers(start + 1, upper))
        bottom = draw(st.integers(0, size - 1))
        top = draw(st.integers(bottom + 1, size))
        window = draw(st.sampled_from([None, mm.Window(bottom, top)]))
        found.gaps = [mm.Gap(mm.Interval(start, end), window)]
    if draw(st.integers(0, 9)) == 0:
        found.offset = draw(st.integers(0, 1)) * alignment
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(buffers(), max_size=4), st.integers(4, 8))
def test_the_solver_finds_what_trying_everything_finds(found: list[mm.Buffer], top: int) -> None:
    of = mm.Problem(found, top)
    params = mm.SolverParams()
    params.timeout = 5
    solver = mm.Solver(params)
    solution = solver.solve(of)
    first = next(placements(of), None)
    if solution is not None:
        assert mm.validate(of, solution) is Result.GOOD
        assert is_right(of, solution.offsets)
    elif solver.is_infeasible:
        assert first is None
    else:
        above = (a.effective_size(b) for a, b in itertools.permutations(of.buffers, 2))
        assert any(distance is not None and distance <= 0 for distance in above)
    if first is not None:
        assert mm.validate(of, mm.Solution(list(first), _height(of, first))) is Result.GOOD


def _height(of: mm.Problem, offsets: Sequence[int]) -> int:
    return max((o + b.size for o, b in zip(offsets, of.buffers)), default=0)


@settings(max_examples=100, deadline=None)
@given(st.lists(buffers(), min_size=1, max_size=4), st.lists(st.integers(0, 6), min_size=4))
def test_validation_agrees_with_the_definition(found: list[mm.Buffer], at: list[int]) -> None:
    offsets = [at[i] * b.alignment if b.offset is None else b.offset for i, b in enumerate(found)]
    height = _height(mm.Problem(found), offsets)
    result = mm.validate(mm.Problem(found, height), mm.Solution(offsets, height))
    expected = is_right(mm.Problem(found), offsets)
    assert result is (Result.GOOD if expected else Result.BAD_OVERLAP)
