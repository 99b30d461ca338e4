"""Plans of rows, columns, tables and files, against an oracle in plain Python."""

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import orionrt


@st.composite
def tensors(draw: st.DrawFn) -> list[oracle.Row]:
    count = draw(st.integers(0, 24))
    rows: list[oracle.Row] = []
    for index in range(count):
        lower = draw(st.integers(-8, 16))
        steps = draw(st.integers(0, 8))
        size = draw(st.integers(0, 300))
        alignment = 1 << draw(st.integers(0, 6))
        rows.append((f"t{index}", lower, lower + steps, size, alignment))
    return rows


@given(tensors())
def test_a_plan_satisfies_the_oracle(rows: list[oracle.Row]) -> None:
    plan = orionrt.plan(rows, nodes=10_000)
    offsets = plan.offsets.tolist()
    assert oracle.faults(rows, offsets) == []
    assert plan.peak == oracle.peak(rows, offsets)
    assert plan.load == oracle.load(rows)
    assert plan.load <= plan.lower_bound <= plan.peak
    assert plan.optimal == (plan.peak == plan.lower_bound)


@given(tensors())
def test_rows_columns_and_mappings_are_the_same_lifetimes(rows: list[oracle.Row]) -> None:
    keys = ("name", "lower", "upper", "size", "alignment")
    mappings = [dict(zip(keys, row, strict=True)) for row in rows]
    columns: dict[str, Any] = {
        key: [row[at] for row in rows] for at, key in enumerate(keys)
    }
    arrays = dict(columns)
    for key, dtype in zip(keys[1:], (np.int64, np.int32, np.uint64, np.uint16), strict=True):
        arrays[key] = np.array(columns[key], dtype)
    record = np.array(rows, [("name", "U8")] + [(key, np.int64) for key in keys[1:]])
    expected = orionrt.plan(rows, nodes=1000)
    assert expected.lifetimes.names == columns["name"]
    assert expected.lifetimes.upper.tolist() == columns["upper"]
    for same in (mappings, columns, arrays, record, iter(rows), expected.lifetimes):
        assert orionrt.plan(same, nodes=1000) == expected


def test_tables() -> None:
    columns = {"name": ["a", "b"], "lower": [0, 1], "upper": [2, 3], "size": [10, 20]}
    expected = orionrt.plan(columns)
    pandas = pytest.importorskip("pandas")
    assert orionrt.plan(pandas.DataFrame(columns)) == expected
    polars = pytest.importorskip("polars")
    assert orionrt.plan(polars.DataFrame(columns)) == expected
    pyarrow = pytest.importorskip("pyarrow")
    assert orionrt.plan(pyarrow.table(columns)) == expected


FIXED: list[int | None] = [None, 64, None]


def nullable(column: str, values: list[Any]) -> list[Any]:
    """Tables of each package with this column, which has nulls."""
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    columns: dict[str, Any] = {
        "name": ["a", "b", "c"], "lower": [0, 0, 0], "upper": [2, 2, 2], "size": [8, 8, 8]
    }
    columns[column] = values
    frame = pandas.DataFrame({**columns, column: pandas.array(values, dtype=dtype(values))})
    halves = [pyarrow.table({name: column[at] for name, column in columns.items()})
              for at in (slice(2), slice(2, 3))]
    return [
        columns,
        frame,
        pandas.DataFrame(columns),
        polars.DataFrame(columns, strict=False),
        pyarrow.table(columns),
        pyarrow.concat_tables(halves, promote_options="permissive"),
    ]


def dtype(values: list[Any]) -> str:
    return {str: "string", int: "Int64", float: "Float64"}[type(values[0] or values[1])]


def test_a_null_in_the_column_of_fixed_offsets_means_none() -> None:
    for table in nullable("fixed_offset", FIXED):
        tensors = orionrt.plan(table).values()
        assert [tensor.fixed_offset for tensor in tensors] == FIXED, table
    masked = np.ma.MaskedArray(np.array([5, 64, 7]), mask=[True, False, True])
    steps = np.zeros(3, np.int64)
    columns = {"lower": steps, "upper": steps + 1, "size": steps + 8, "fixed_offset": masked}
    assert [tensor.fixed_offset for tensor in orionrt.plan(columns).values()] == FIXED


@pytest.mark.parametrize("column", ["name", "lower", "upper", "size", "alignment"])
def test_a_null_in_another_column_is_named_with_its_row(column: str) -> None:
    values = ["a", None, "c"] if column == "name" else [1, None, 1]
    for table in nullable(column, values):
        with pytest.raises(orionrt.LifetimeError, match=f"row 1: {column} is null") as raised:
            orionrt.plan(table)
        assert (raised.value.row, raised.value.column, raised.value.name) == (1, column, None)


def test_fractions_beside_nulls_are_no_whole_numbers() -> None:
    for table in nullable("fixed_offset", [None, 64.5, None])[2:]:
        with pytest.raises(TypeError, match="fixed_offset: expected whole numbers"):
            orionrt.plan(table)


def test_columns_may_have_no_names_and_any_strides() -> None:
    numbers = np.arange(40, dtype=np.int64).reshape(10, 4)
    plan = orionrt.plan({"lower": numbers[:, 0], "upper": numbers[:, 3], "size": numbers[::-1, 1]})
    assert list(plan) == [str(index) for index in range(10)]
    assert plan.lifetimes.size.tolist() == list(range(37, 0, -4))
    assert plan.lifetimes.lower.tolist() == list(range(0, 40, 4))


def test_fixed_offsets_gaps_and_places_within_others() -> None:
    rows = [
        {"name": "state", "lower": 0, "upper": 6, "size": 100, "gaps": [(2, 4)]},
        {"name": "work", "lower": 2, "upper": 4, "size": 100},
        {"name": "head", "lower": 0, "upper": 1, "size": 10, "within": ("state", 4)},
        {"name": "io", "lower": 0, "upper": 6, "size": 8, "fixed_offset": 128},
    ]
    plan = orionrt.plan(rows)
    assert (plan.peak, plan["io"].offset, plan["io"].fixed_offset) == (136, 128, 128)
    assert plan["head"].offset == plan["state"].offset + 4
    assert plan["head"].within == ("state", 4)
    assert plan["state"].gaps == [(2, 4)] == plan.lifetimes.gaps(0)
    columns = {"lower": [0, 0], "upper": [2, 2], "size": [8, 8], "fixed_offset": [-1, 64]}
    assert [tensor.fixed_offset for tensor in orionrt.plan(columns).values()] == [None, 64]


def test_a_column_without_a_meaning_is_named() -> None:
    columns = {"lower": [0], "upper": [1], "size": [8], "aligment": [64]}
    with pytest.warns(UserWarning, match="aligment"):
        orionrt.plan(columns)


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,lower,upper,size\na,0,2,10\nb,1,3,20\n")
    assert orionrt.plan(path) == orionrt.plan(str(path)) == orionrt.plan(
        [("a", 0, 2, 10), ("b", 1, 3, 20)]
    )


def test_limits() -> None:
    rng = random.Random(1)
    rows = [(str(i), s, s + rng.randint(1, 9), rng.randint(1, 99))
            for i, s in enumerate(rng.choices(range(40), k=60))]
    plan = orionrt.plan(rows, nodes=5000, seed=3)
    assert plan == orionrt.plan(rows, nodes=5000, seed=3)
    assert orionrt.plan(rows, alignment=64).alignment == 64
    assert all(offset % 64 == 0 for offset in orionrt.plan(rows, alignment=64).offsets)
    assert orionrt.plan(rows, strategy="greedy-size").strategy == "greedy-size"
    assert "greedy-size" in orionrt.strategies()
    assert orionrt.plan(rows, capacity=plan.peak).peak <= plan.peak
    assert orionrt.plan(rows, start_from=plan, strategy="linear-scan").peak <= plan.peak
    more = orionrt.plan([*rows, ("new", 0, 40, 5)], keep=plan)
    assert more.offsets.tolist()[: len(rows)] == plan.offsets.tolist()
    assert orionrt.plan(rows[:5], time_limit=math.inf, threads=2).optimal


def test_lifetimes_tell_loads() -> None:
    lifetimes = orionrt.Lifetimes.from_rows([("a", 0, 2, 10), ("b", 1, 3, 20)])
    assert (len(lifetimes), lifetimes.load, lifetimes.lower_bound) == (2, 30, 30)
    assert lifetimes.load_profile() == [(0, 1, 10), (1, 2, 30), (2, 3, 20)]
