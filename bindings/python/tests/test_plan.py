"""A plan as a mapping and as a value: columns without a copy, pickles, files, pictures."""

import copy
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import orionrt

ROWS = [("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)]


def test_a_plan_is_a_mapping_by_name() -> None:
    plan = orionrt.plan(ROWS)
    assert isinstance(plan, Mapping)
    assert list(plan) == list(plan.keys()) == ["a", "b", "c"]
    assert len(plan) == 3 and "a" in plan and "d" not in plan and 0 not in plan
    assert plan.keys() & {"a", "d"} == {"a"}
    assert dict(plan.items())["b"] == plan["b"] == plan.get("b")
    assert plan.get("d") is None and plan.get("d", 5) == 5
    assert [tensor.name for tensor in plan.values()] == ["a", "b", "c"]
    b = plan["b"]
    assert (b.size, b.lower, b.upper, b.alignment) == (2048, 1, 3, 64)
    assert (b.steps, b.bytes) == (range(1, 3), range(b.offset, b.offset + 2048))
    with pytest.raises(KeyError, match="d"):
        plan["d"]


def test_columns_share_the_memory_of_the_plan() -> None:
    plan = orionrt.plan(ROWS)
    offsets = np.asarray(plan.offsets)
    assert offsets.dtype == np.uint64 and not offsets.flags.writeable
    assert np.shares_memory(offsets, np.asarray(plan.offsets))
    assert plan.offsets == offsets.tolist() == [plan[name].offset for name in plan]
    assert plan.offsets[-1] == offsets[2] and plan.offsets[1:] == offsets[1:].tolist()
    assert memoryview(plan.offsets).tolist() == plan.offsets.tolist()
    with pytest.raises(IndexError):
        plan.offsets[3]
    with pytest.raises(ValueError, match="read-only"):
        offsets[0] = 1
    before = offsets.tolist()
    del plan
    assert offsets.tolist() == before


def test_pickles_and_copies_are_equal() -> None:
    rows = [(str(i), i * 7 % 30, i * 7 % 30 + 1 + i % 9, 1 + i * 37 % 101) for i in range(80)]
    for plan in (orionrt.plan(rows, nodes=20_000), orionrt.plan([])):
        again = pickle.loads(pickle.dumps(plan))
        assert again == plan and again is not plan
        assert (again.lower_bound, again.optimal) == (plan.lower_bound, plan.optimal)
        assert copy.copy(plan) is plan and copy.deepcopy([plan])[0] == plan
    assert orionrt.plan(rows[:5]) != orionrt.plan(rows[:6])
    assert orionrt.plan(rows[:5]) != 5


def test_representations() -> None:
    plan = orionrt.plan(ROWS)
    assert repr(plan) == "<Plan: 3 tensors, peak 3072 bytes, optimal>"
    assert repr(plan["a"]).startswith("<Tensor \"a\": 1024 bytes at ")
    assert repr(plan.offsets).startswith("Column([")
    assert "3 tensors" in repr(plan.lifetimes)
    picture = plan._repr_html_()
    assert picture.count('class="tensor"') == 3 and "3072 bytes" in picture
    assert orionrt.plan([(str(i), 0, 1, 1) for i in range(6000)])._repr_svg_() is None


@pytest.mark.parametrize("name", ["plan.json", "plan.csv"])
def test_files(name: str, tmp_path: Path) -> None:
    plan = orionrt.plan(ROWS)
    plan.save(tmp_path / name)
    again = orionrt.load(tmp_path / name)
    assert again.offsets == plan.offsets and again.lifetimes == plan.lifetimes
    again.check()


def test_pages_and_pictures(tmp_path: Path) -> None:
    plan = orionrt.plan(ROWS)
    plan.to_html(tmp_path / "plan.html")
    page = (tmp_path / "plan.html").read_text()
    assert page.startswith("<!doctype html>") and 'id="orionrt-data"' in page
    plan.to_svg(tmp_path / "plan.svg", title="<three>")
    picture = (tmp_path / "plan.svg").read_text()
    assert "&lt;three&gt;" in picture and picture.count('class="tensor"') == 3


def test_offsets_of_others_are_checked() -> None:
    offsets = [0, 1024, 0]
    for same in (offsets, np.array(offsets), dict(zip("abc", offsets, strict=True))):
        plan = orionrt.check(ROWS, same)
        assert plan.offsets == offsets and plan.strategy == "given"
