"""Which tensors may share bytes, within one model and among several, beside brute force."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orionrt

Row = tuple[str, int, int, int, int]
Models = dict[str, list[Row]]


def rows_of(sizes: list[tuple[int, int, int, int]]) -> list[Row]:
    return [
        (str(index), lower, lower + length, size, 2**order)
        for index, (lower, length, size, order) in enumerate(sizes)
    ]


ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, 40), st.integers(0, 5)),
    max_size=9,
).map(rows_of)


def alive(rows: list[Row], step: int) -> list[Row]:
    return [row for row in rows if row[1] <= step < row[2] and row[3]]


def least_reach(rows: list[Row]) -> int:
    """The least end of the topmost of some tensors that are alive together: all orders are tried.

    One above the other in the best order, each as low as its alignment lets it, is as low as they
    can be: a tensor that is not the topmost one ends below the next one.
    """
    best = 0 if not rows else None
    for order in itertools.permutations(rows):
        end = 0
        for *_, size, alignment in order:
            end = -(-end // alignment) * alignment + size
        best = end if best is None else min(best, end)
    assert best is not None
    return best


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_conflicts_and_profiles_are_those_of_each_step(rows: list[Row]) -> None:
    lifetimes = orionrt.Lifetimes.from_rows(rows)
    for (i, a), (j, b) in itertools.product(enumerate(rows), repeat=2):
        steps = set(range(a[1], a[2])) & set(range(b[1], b[2]))
        expected = i != j and bool(steps) and a[3] > 0 and b[3] > 0
        assert lifetimes.conflict(i, j) == lifetimes.conflict(a[0], b[0]) == expected
    loads, bounds = lifetimes.load_profile(), lifetimes.bound_profile()
    usage = orionrt.plan(rows, nodes=1000).usage()
    assert [one[:2] for one in loads] == [one[:2] for one in bounds] == [one[:2] for one in usage]
    for (lower, upper, load), (*_, bound), (*_, live, reach) in zip(loads, bounds, usage):
        for step in range(lower, upper):
            then = alive(rows, step)
            assert load == live == sum(row[3] for row in then)
            assert load <= bound <= reach
            if len(then) <= 5:
                assert bound <= least_reach(then)
    assert max((bound for *_, bound in bounds), default=0) == lifetimes.lower_bound


def test_what_alignment_costs_is_in_the_bound() -> None:
    lifetimes = orionrt.Lifetimes.from_rows([("a", 0, 2, 10, 16), ("b", 1, 3, 10, 16)])
    assert lifetimes.bound_profile() == [(0, 1, 10), (1, 2, 26), (2, 3, 10)]
    plan = orionrt.plan(lifetimes)
    assert plan.usage() == [(0, 1, 10, plan["a"].offset + 10), (1, 2, 20, 26),
                            (2, 3, 10, plan["b"].offset + 10)]
    assert orionrt.plan([("a", 0, 2, 5), ("b", 1, 2, 9), ("c", 2, 3, 1)]).at_peak == ["b", "a"]
    assert np.array(lifetimes.bound_profile()).shape == (3, 3)


def test_tensors_that_are_not_there_are_named() -> None:
    lifetimes = orionrt.Lifetimes.from_rows([("a", 0, 2, 10)])
    with pytest.raises(KeyError, match="b"):
        lifetimes.conflict("a", "b")
    with pytest.raises(IndexError, match="tensor 1 of 1, counted from 0"):
        lifetimes.conflict(0, 1)
    with pytest.raises(TypeError):
        lifetimes.conflict(0, 1.5)  # type: ignore[arg-type]
    sharing = orionrt.sharing({"one": [("a", 0, 2, 10)], "two": [("b", 0, 2, 10)]})
    with pytest.raises(KeyError, match="three"):
        sharing.bytes(("one", "a"), ("three", "a"))
    with pytest.raises(KeyError, match="two/a"):
        sharing.bytes(("one", "a"), ("two", "a"))


SCHEDULES = st.sampled_from(["one-at-a-time", "together"])
PAIRS = st.lists(st.sampled_from([("0", "1"), ("1", "2"), ("2", "0")]), max_size=3)
# No tensor may be alive in two runs of its model at once, and none lives for 6 steps or more.
STARTS = st.fixed_dictionaries({
    name: st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True)
    .map(lambda starts: [6 * start for start in starts])
    for name in "012"
})


def may_share(models: Models, schedule: Any, a: tuple[str, str], b: tuple[str, str]) -> int:
    """How many bytes two tensors may share, by the steps at which they are alive."""
    if a[0] == b[0]:
        return 0
    x, y = (models[model][int(name)] for model, name in (a, b))
    if isinstance(schedule, dict):
        def steps(model: str, row: Row) -> set[int]:
            return {start + step for start in schedule[model] for step in range(row[1], row[2])}

        together = bool(steps(a[0], x) & steps(b[0], y))
    elif isinstance(schedule, list):
        together = (a[0], b[0]) in schedule or (b[0], a[0]) in schedule
    else:
        together = schedule == "together"
    has_bytes = all(row[1] < row[2] and row[3] for row in (x, y))
    return min(x[3], y[3]) if has_bytes and not together else 0


@settings(max_examples=60, deadline=None)
@given(st.tuples(ROWS, ROWS, ROWS), st.one_of(SCHEDULES, PAIRS, STARTS))
def test_pairs_and_partners_are_those_of_all_tensors(
    rows: tuple[list[Row], ...], schedule: Any
) -> None:
    models = {
        str(index): [(name, lower, min(upper, lower + 5), size, 1)
                     for name, lower, upper, size, _ in each]
        for index, each in enumerate(rows)
    }
    sharing = orionrt.sharing(models, schedule=schedule)
    every = [(model, row[0]) for model, each in models.items() for row in each]
    sizes = {(model, row[0]): row[3] for model, each in models.items() for row in each}
    expected = {}
    for a, b in itertools.combinations(every, 2):
        found = may_share(models, schedule, a, b)
        assert sharing.bytes(a, b) == sharing.bytes(b, a) == found
        if found:
            expected[frozenset([a, b])] = found
    largest = sharing.largest(10_000)
    assert {frozenset(pair[:2]): pair.bytes for pair in largest} == expected
    assert sharing.pairs == len(largest) == len(expected) and sharing.complete
    assert [pair.bytes for pair in largest] == sorted(expected.values(), reverse=True)
    assert sharing.largest(3) == largest[:3]
    partners = sharing.partners(10_000)
    best = {tensor: max((n for pair, n in expected.items() if tensor in pair), default=0)
            for tensor in every}
    assert {pair.tensor: pair.bytes for pair in partners} == {t: n for t, n in best.items() if n}
    order = [sizes[pair.tensor] for pair in partners]
    assert order == sorted(order, reverse=True)
    for pair in partners:
        assert expected[frozenset(pair[:2])] == pair.bytes


@settings(max_examples=30, deadline=None)
@given(st.tuples(ROWS, ROWS, ROWS), st.one_of(SCHEDULES, PAIRS))
def test_what_is_shared_is_what_the_offsets_say(rows: tuple[list[Row], ...], schedule: Any) -> None:
    models = {str(index): each for index, each in enumerate(rows)}
    shared = orionrt.share(models, schedule=schedule, nodes=1000)
    expected = {}
    every = [(model, tensor) for model, part in shared.items() for tensor in part.values()]
    for (m, a), (n, b) in itertools.combinations(every, 2):
        start, end = max(a.offset, b.offset), min(a.offset + a.size, b.offset + b.size)
        has_bytes = all(one.lower < one.upper and one.size for one in (a, b))
        if m != n and has_bytes and start < end:
            expected[(m, a.name), (n, b.name)] = (start, end)
    found = shared.shared_ranges()
    assert {(a, b): (start, end) for a, b, start, end in found} == expected
    assert shared.shared_pairs == len(found) == len(expected)
    assert [one[2] for one in found] == sorted(one[2] for one in found)
    assert shared.shared_ranges(2) == found[:2]
    sharing = orionrt.sharing(models, schedule=schedule)
    assert all(sharing.bytes(a, b) >= end - start for a, b, start, end in found)
