"""The values of `orionrt.compat.minimalloc`, and its CSV, as users of MiniMalloc know them."""

from __future__ import annotations

import pathlib

import orionrt.compat.minimalloc as mm
import pytest


def gap(lower: int, upper: int, *window: int) -> mm.Gap:
    return mm.Gap(mm.Lifespan(lower, upper), mm.Window(*window) if window else None)


def buffer(name: str, lower: int, upper: int, size: int, *gaps: mm.Gap) -> mm.Buffer:
    return mm.Buffer(name, mm.Lifespan(lower, upper), size, gaps=list(gaps))


def test_durations_compare_by_their_seconds() -> None:
    assert mm.Duration().to_seconds() == 0.0
    same = [mm.Duration(2.5), mm.Duration.from_seconds(2.5), mm.Duration.from_milliseconds(2500)]
    assert all(duration == mm.Duration.from_microseconds(2.5e6) for duration in same)
    assert mm.Duration(1) < mm.Duration(2) <= mm.Duration(2) < mm.Duration.infinite()
    assert mm.Duration(1) != mm.Duration(2)
    assert repr(mm.Duration(2.5)) == "Duration(2.5 seconds)"
    assert repr(mm.Duration.infinite()) == "Duration.infinite()"


def test_intervals_are_ordered_values() -> None:
    assert mm.Interval() == mm.Interval(0, 0)
    assert mm.Interval(lower=1, upper=2) < mm.Interval(1, 3) < mm.Interval(2, 0)
    assert {mm.Interval(1, 2): "a", mm.Window(1, 2): "b"} == {mm.Lifespan(1, 2): "b"}
    assert repr(mm.Interval(1, 2)) == "Interval(1, 2)"
    with pytest.raises(AttributeError):
        mm.Interval(1, 2).lower = 0  # type: ignore[misc]


def test_gaps_and_buffers_are_changed_and_compared() -> None:
    one = gap(0, 5)
    one.window = mm.Window(1, 2)
    assert one == gap(0, 5, 1, 2) != gap(0, 5)
    assert hash(one) == hash(gap(0, 5, 1, 2))
    a = mm.Buffer("a", mm.Interval(0, 9), 512, 16, [one], 32, 64)
    assert (a.alignment, a.gaps, a.offset, a.hint) == (16, [one], 32, 64)
    assert a.area() == 512 * 9
    same = mm.Buffer("a", mm.Interval(0, 9), 512, 16, [one], 32, hint=128)
    assert a == same, "hints are not compared"
    assert hash(a) == hash(same)
    same.gaps = []
    assert a != same
    assert mm.Buffer().gaps is not mm.Buffer().gaps


def test_solutions_are_compared_without_their_heights() -> None:
    assert mm.Solution([0, 4], 8) == mm.Solution([0, 4])
    assert len({mm.Solution([0, 4], 8), mm.Solution([0, 4], 9), mm.Solution([4, 0])}) == 2
    assert repr(mm.Solution([0, 4], height=8)) == "Solution(offsets=[0, 4], height=8)"


def test_a_problem_gives_up_the_offsets_of_its_buffers() -> None:
    fixed = [mm.Buffer(str(i), mm.Interval(i, i + 1), 2, offset=i + 3) for i in range(2)]
    problem = mm.Problem(fixed, capacity=5)
    assert problem.strip_solution() == mm.Solution([3, 4])
    assert [b.offset for b in problem.buffers] == [None, None]
    assert problem.strip_solution() is None
    assert mm.Problem(fixed, 5) == problem != mm.Problem(fixed, 6)
    assert hash(mm.Problem(fixed, 5)) == hash(problem)


@pytest.mark.parametrize(
    ("a", "b", "above_a", "above_b"),
    [
        (buffer("a", 0, 2, 4), buffer("b", 1, 3, 5), 4, 5),
        (buffer("a", 0, 2, 4), buffer("b", 3, 5, 5), None, None),
        (buffer("a", 0, 2, 4), buffer("b", 2, 4, 5), None, None),
        (
            buffer("a", 0, 10, 4, gap(1, 4), gap(6, 9)),
            buffer("b", 5, 15, 5, gap(6, 9), gap(11, 14)),
            4,
            5,
        ),
        (buffer("a", 0, 10, 4, gap(1, 9)), buffer("b", 5, 15, 5, gap(6, 14)), None, None),
        (buffer("a", 0, 10, 4), buffer("b", 5, 15, 5, gap(5, 10)), None, None),
        (buffer("a", 0, 10, 4, gap(5, 10)), buffer("b", 5, 15, 5), None, None),
        (buffer("a", 0, 10, 2, gap(0, 5, 0, 1)), buffer("b", 0, 10, 2, gap(5, 10, 1, 2)), 1, 2),
        (
            buffer("a", 0, 15, 3, gap(0, 5, 0, 1), gap(5, 10, 0, 2)),
            buffer("b", 0, 15, 3, gap(5, 10, 1, 3), gap(10, 15, 2, 3)),
            1,
            3,
        ),
    ],
)
def test_how_far_above_each_other_two_buffers_begin(
    a: mm.Buffer, b: mm.Buffer, above_a: int | None, above_b: int | None
) -> None:
    assert a.effective_size(b) == above_a
    assert b.effective_size(a) == above_b


def test_of_gaps_that_overlap_all_windows_are_needed() -> None:
    a = buffer("a", 0, 9, 8, gap(0, 6, 0, 2), gap(3, 9, 4, 6))
    windows = [(p.lower, p.upper, p.window.lower, p.window.upper) for p in a.pieces()]
    assert windows == [(0, 3, 0, 2), (3, 6, 0, 6), (6, 9, 4, 6)]


def two(second: mm.Buffer, hint: int | None = None) -> mm.Problem:
    first = mm.Buffer("0", mm.Lifespan(5, 10), size=15, hint=hint)
    return mm.Problem([first, second], capacity=40)


def second(name: str, alignment: int, *gaps: mm.Gap) -> mm.Buffer:
    return mm.Buffer(name, mm.Lifespan(6, 12), 18, alignment=alignment, gaps=list(gaps))


GAPS = (gap(7, 8), gap(9, 10, 1, 17))


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            two(second("1", 2, *GAPS), 0),
            "id,lower,upper,size,alignment,hint,gaps\n"
            "0,5,10,15,1,0,\n1,6,12,18,2,-1,7-8 9-10@1:17\n",
        ),
        (
            two(second("1", 1, gap(7, 8), gap(9, 10)), 0),
            "id,lower,upper,size,hint,gaps\n0,5,10,15,0,\n1,6,12,18,-1,7-8 9-10\n",
        ),
        (
            two(second("1", 2, *GAPS)),
            "id,lower,upper,size,alignment,gaps\n0,5,10,15,1,\n1,6,12,18,2,7-8 9-10@1:17\n",
        ),
        (
            two(second("Big", 2), 0),
            "id,lower,upper,size,alignment,hint\n0,5,10,15,1,0\nBig,6,12,18,2,-1\n",
        ),
        (mm.Problem([], 4), "id,lower,upper,size\n"),
    ],
)
def test_columns_are_written_if_a_buffer_needs_them(problem: mm.Problem, text: str) -> None:
    assert mm.to_csv(problem) == text
    again = mm.from_csv(text)
    assert again is not None
    assert again.buffers == problem.buffers
    assert [b.hint for b in again.buffers] == [b.hint for b in problem.buffers]
    assert again.capacity == 0, "the capacity is not in the text"


def test_a_solution_is_a_column_and_the_old_format_has_last_steps() -> None:
    problem = two(second("1", 2, gap(7, 8), gap(9, 10)))
    assert mm.to_csv(problem, mm.Solution([1, 21])) == (
        "id,lower,upper,size,alignment,gaps,offset\n0,5,10,15,1,,1\n1,6,12,18,2,7-8 9-10,21\n"
    )
    old = mm.to_csv(problem, old_format=True)
    assert old == "id,start,end,size,alignment,gaps\n0,5,9,15,1,\n1,6,11,18,2,7-7 9-9\n"
    again = mm.from_csv(old)
    assert again is not None
    assert again.buffers == problem.buffers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lower,size,id,upper\n6,18,1,12\n", buffer("1", 6, 12, 18)),
        ("begin,size,buffer,end\n6,18,b,11\n", buffer("b", 6, 12, 18)),
        ("start,size,buffer_id,upper,hint\n6,18,b,12,-1\n", buffer("b", 6, 12, 18)),
        ("id,lower,upper,size,gaps\nb,6,12,18,7-9 \n", buffer("b", 6, 12, 18, gap(7, 9))),
        ("id,lower,end,size,gaps\nb,6,11,18,7-8\n", buffer("b", 6, 12, 18, gap(7, 9))),
        (
            "id,lower,upper,size,gaps\nb,6,12,18,7-9@2:13\n\nx",
            buffer("b", 6, 12, 18, gap(7, 9, 2, 13)),
        ),
        (
            "id,lower,upper,size,offset,colour\nb,6,12,18, 21,red\n",
            mm.Buffer("b", mm.Lifespan(6, 12), 18, offset=21),
        ),
    ],
)
def test_columns_have_several_names_and_any_order(text: str, expected: mm.Buffer) -> None:
    problem = mm.from_csv(text)
    assert problem is not None
    assert problem.buffers == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "start,size,buffer,upper\na,b,c,d\n",
        "start,size,offset,buffer,upper\n6,18,a,1,12\n",
        "start,size,buffer,upper,gaps\n6,18,1,12,1-2-3\n",
        "start,size,buffer,upper,gaps\n6,18,1,12,A-B\n",
        "start,size,buffer,upper,gaps\n6,18,1,12,1-2@3\n",
        "start,size,buffer,upper,hint\n6,18,1,12,\n",
        "start,size,buffer,upper,alignment\n6,18,1,12,1_0\n",
        "start,size,upper\n6,18,12\n",
        "start,size,offset,buffer,upper,upper\n6,18,21,1,12\n",
        "id,lower,upper,end,size\nb,6,12,11,18\n",
        "start,size,buffer,upper\n5,15,0,10,100\n",
        "start,size,buffer,upper\n5,15,0\n",
        "start,size,buffer,upper\n5,9223372036854775808,0,10\n",
    ],
)
def test_texts_that_are_no_problem_give_none(text: str) -> None:
    assert mm.from_csv(text) is None


def test_files_hold_what_texts_do(tmp_path: pathlib.Path) -> None:
    problem = mm.Problem([buffer("a", 0, 2, 4), buffer("b", 1, 3, 5)], 10)
    path = tmp_path / "problem.csv"
    mm.to_csv_file(path, problem)
    assert path.read_text() == "id,lower,upper,size\na,0,2,4\nb,1,3,5\n"
    again = mm.from_csv_file(path)
    assert again is not None
    assert again.buffers == problem.buffers
    mm.to_csv_file(path, problem, mm.Solution([0, 4]))
    assert path.read_text() == mm.to_csv(problem, mm.Solution([0, 4]))
