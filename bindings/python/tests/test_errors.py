"""Each error by its class and its attributes."""

import errno
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import orionrt

ROWS = [("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)]


@pytest.mark.parametrize(
    ("rows", "row", "name", "text"),
    [
        ([("a", 3, 1, 8)], 0, "a", "lower 3 is above upper 1"),
        ([("a", 0, 1, 8, 3)], 0, "a", "alignment 3 is not a power of two"),
        ([("a", 0, 1, 8), ("a", 0, 1, 8)], 1, "a", "same id"),
        ([("a", 0, 1, 8), ("b", 0, 1, 2**63)], 1, "b", "reach 2\\^63"),
        ([("a", 0, 1, 8), ("b", 0, 1, -5)], 1, "b", "size is -5"),
        ([("a", 0, 1, 8), ("b", 0, 1.5, 5)], 1, "b", "upper is 1.5"),
        ([("a", 0, 1)], 0, None, "3 values"),
        ([("a", 0, 1, 8), 5], 1, None, "row 1: int, expected"),
        ([(None, 0, 1, 8)], 0, None, "the name None"),
        ([{"name": "a", "lower": 0, "upper": 1}], 0, None, "no 'size'"),
        ([{"name": "a", "lower": 0, "upper": 1, "bytes": 8}], 0, None, "the key 'bytes'"),
        ([{"name": "a", "lower": 0, "upper": 4, "size": 8, "gaps": [(3, 9)]}], 0, "a", "gap 3..9"),
        ([{"name": "a", "lower": 0, "upper": 4, "size": 8, "gaps": 3}], 0, "a", "gaps is 3"),
        ([{"name": "a", "lower": 0, "upper": 4, "size": 8, "windows": [3]}], 0, "a", "windows is"),
        ([{"name": "a", "lower": 0, "upper": 4, "size": 8, "within": ("x", 0)}], 0, "a", "'x'"),
        ([{"id": "a", "lower": 0, "upper": 1, "size": 8, "fixed_offset": 3, "alignment": 2}],
         0, "a", "fixed offset 3"),
    ],
)
def test_rows(rows: Any, row: int, name: str | None, text: str) -> None:
    with pytest.raises(orionrt.LifetimeError, match=text) as raised:
        orionrt.plan(rows)
    assert (raised.value.row, raised.value.name) == (row, name)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.row, again.name, str(again)) == (row, name, str(raised.value))
    assert isinstance(again, (orionrt.OrionError, ValueError))


def test_columns() -> None:
    def plan(**columns: Any) -> orionrt.Plan:
        return orionrt.plan({"lower": [0, 1], "upper": [1, 2], "size": [8, 8], **columns})

    with pytest.raises(orionrt.LifetimeError, match="row 1: size is -1") as raised:
        plan(size=[8, -1])
    assert (raised.value.row, raised.value.column) == (1, "size")
    assert pickle.loads(pickle.dumps(raised.value)).column == "size"
    with pytest.raises(orionrt.LifetimeError, match="row 0: lower is 18446744073709551615"):
        plan(lower=np.array([2**64 - 1, 0], np.uint64))
    with pytest.raises(ValueError, match="size has 3 values, expected 2"):
        plan(size=[1, 2, 3])
    with pytest.raises(TypeError, match="size: expected a one-dimensional buffer"):
        plan(size=np.zeros(2))
    with pytest.raises(TypeError, match="2 dimensions"):
        plan(size=np.zeros((1, 2), np.int64))
    with pytest.raises(TypeError, match="size: expected whole numbers"):
        plan(size=["x", "y"])
    with pytest.raises(TypeError, match="size: expected whole numbers"):
        plan(size=np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"))
    with pytest.raises(orionrt.LifetimeError, match="no column 'size'"):
        orionrt.plan({"lower": [0], "upper": [1]})
    with pytest.raises(orionrt.LifetimeError) as raised:
        orionrt.plan([("a", 3, 1, 8)])
    assert raised.value.column is None


def test_arguments() -> None:
    with pytest.raises(ValueError, match="strategy is 'best', expected one of auto"):
        orionrt.plan(ROWS, strategy="best")
    for seconds in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="time_limit"):
            orionrt.plan(ROWS, time_limit=seconds)
    for name in ("capacity", "alignment", "nodes", "threads", "seed"):
        limits: Any = {name: -1}
        with pytest.raises(ValueError, match=f"{name} is -1, expected a .* 0 or more"):
            orionrt.plan(ROWS, **limits)
    with pytest.raises(TypeError, match="capacity is '1 MiB', expected a number of bytes"):
        orionrt.plan(ROWS, capacity="1 MiB")


def test_other_exceptions_pass_through() -> None:
    class Rude:
        def __index__(self) -> int:
            raise KeyboardInterrupt

    rude: Any = Rude()
    for call in (
        lambda: orionrt.plan([("a", 0, rude, 8)]),
        lambda: orionrt.plan([(rude, 0, 1, 8)]),
        lambda: orionrt.check(ROWS, [0, rude, 0]),
        lambda: orionrt.plan(ROWS, capacity=rude),
        lambda: orionrt.plan_model(b"", inputs={"x": [rude]}),
    ):
        with pytest.raises(KeyboardInterrupt):
            call()
    with pytest.raises(orionrt.LifetimeError) as refused:
        orionrt.plan([("a", 0, 1.5, 8)])  # type: ignore[list-item]
    assert isinstance(refused.value.__cause__, TypeError)
    for alignment in (0, 3):
        text = f"^alignment is {alignment}, expected a power of two$"
        with pytest.raises(ValueError, match=text) as bad:
            orionrt.plan([("a", 0, 1, 8)], alignment=alignment)
        # It is about no row.
        assert not isinstance(bad.value, orionrt.LifetimeError)


def test_capacity() -> None:
    with pytest.raises(orionrt.CapacityError) as raised:
        orionrt.plan(ROWS, capacity=2000)
    assert raised.value.capacity == 2000
    assert raised.value.best.peak == 3072
    assert pickle.loads(pickle.dumps(raised.value)).best == raised.value.best


def test_offsets() -> None:
    with pytest.raises(orionrt.OverlapError, match="'a' and 'b'") as overlap:
        orionrt.check(ROWS, [0, 512 + 64, 0])
    assert (overlap.value.ids, overlap.value.names) == ((0, 1), ("a", "b"))
    assert (overlap.value.bytes, overlap.value.steps) == (range(576, 1024), range(1, 2))
    with pytest.raises(orionrt.MisalignedError) as misaligned:
        orionrt.check(ROWS, [0, 1030, 0])
    assert (misaligned.value.names, misaligned.value.ids) == (("b",), (1,))
    assert (misaligned.value.offset, misaligned.value.alignment) == (1030, 64)
    with pytest.raises(orionrt.CountError) as count:
        orionrt.check(ROWS, [0, 1024])
    assert (count.value.tensors, count.value.offsets) == (3, 2)
    assert (count.value.ids, count.value.names) == ((), ())
    for offsets in ([0, -64, 0], np.array([0, -64, 0]), {"a": 0, "b": -64, "c": 0}):
        with pytest.raises(orionrt.PlanError, match="'b' .* at offset -64, expected 0") as negative:
            orionrt.check(ROWS, offsets)
        assert (negative.value.ids, negative.value.names) == ((1,), ("b",))
    with pytest.raises(TypeError, match="offsets\\[1\\] is x, expected a whole number"):
        orionrt.check(ROWS, [0, "x", 0])  # type: ignore[list-item]
    with pytest.raises(orionrt.OutOfRangeError) as far:
        orionrt.check(ROWS, [0, 1024, 2**63 - 64])
    assert (far.value.names, far.value.size) == (("c",), 1024)
    fixed = [{"name": "a", "lower": 0, "upper": 1, "size": 8, "fixed_offset": 8}]
    with pytest.raises(orionrt.MisplacedError) as misplaced:
        orionrt.check(fixed, [0])
    assert (misplaced.value.offset, misplaced.value.expected) == (0, 8)
    with pytest.raises(KeyError, match="c"):
        orionrt.check(ROWS, {"a": 0, "b": 1024, "d": 0})
    assert issubclass(orionrt.OverlapError, orionrt.PlanError)


def test_fixed_offsets_that_overlap() -> None:
    row = {"lower": 0, "upper": 1, "size": 8, "fixed_offset": 0}
    with pytest.raises(orionrt.OverlapError) as raised:
        orionrt.plan([{"name": "a", **row}, {"name": "b", **row}])
    assert raised.value.names == ("a", "b")


def test_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        orionrt.load(tmp_path / "none.json")
    assert missing.value.filename == str(tmp_path / "none.json")
    with pytest.raises(IsADirectoryError) as folder:
        orionrt.plan(ROWS).save(tmp_path)
    assert folder.value.filename == str(tmp_path) and folder.value.errno == errno.EISDIR
    with pytest.raises(IsADirectoryError) as folder:
        orionrt.load(tmp_path)
    assert folder.value.filename == str(tmp_path) and folder.value.errno == errno.EISDIR
    path = tmp_path / "rows.csv"
    path.write_text("id,lower,upper,size\na,0,x,10\n")
    with pytest.raises(orionrt.FileError, match="upper is 'x'") as raised:
        orionrt.plan(path)
    assert (raised.value.line, raised.value.path) == (2, path)
    path = tmp_path / "plan.json"
    path.write_text("{}")
    with pytest.raises(orionrt.FileError, match="missing field"):
        orionrt.load(path)
