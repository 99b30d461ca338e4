"""A plan as a mapping and as a value: columns without a copy, pickles, files, pictures."""

import copy
import errno
import pickle
import resource
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
    assert plan.offsets[-1] == offsets[2]
    for part in (slice(1, None), slice(None, None, -1), slice(-1, -9, -2), slice(2, 1)):
        assert plan.offsets[part] == offsets[part].tolist()
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
    few = orionrt.plan(rows[:5])
    assert few != 5 and few.__eq__(5) is NotImplemented
    assert few.lifetimes.__eq__(5) is NotImplemented
    again = pickle.loads(pickle.dumps(few))
    assert {few, again, few.lifetimes, again.lifetimes} == {few, few.lifetimes}
    assert {few["0"], again["0"]} == {few["0"]}


def test_representations() -> None:
    plan = orionrt.plan(ROWS)
    assert repr(plan) == "<Plan: 3 tensors, peak 3072 bytes, optimal>"
    assert repr(plan["a"]).startswith("<Tensor \"a\": 1024 bytes at ")
    assert repr(plan.offsets).startswith("Column([")
    assert "3 tensors" in repr(plan.lifetimes)
    picture = plan._repr_html_()
    assert picture.count('class="tensor"') == 3 and "3072 bytes" in picture
    large = orionrt.plan([(str(i), 0, 1, 1) for i in range(6000)])
    assert "<svg" in picture and "<svg" not in large._repr_html_()
    # A notebook would show the picture twice.
    assert not hasattr(plan, "_repr_svg_")


@pytest.mark.parametrize("name", ["plan.json", "plan.csv"])
def test_files(name: str, tmp_path: Path) -> None:
    plan = orionrt.plan(ROWS)
    plan.save(tmp_path / name)
    again = orionrt.load(tmp_path / name)
    assert again.offsets == plan.offsets and again.lifetimes == plan.lifetimes
    again.check()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_file_that_cannot_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    plan = orionrt.plan([(str(i), i, i + 1, 8) for i in range(20_000)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal, so that writing more is an error.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        for write, name in ((plan.save, "plan.json"), (plan.save, "plan.csv"), (plan.to_html, "p")):
            path = tmp_path / name
            path.write_text("older")
            with pytest.raises(OSError) as full:
                write(path)
            # What writes pages does not pass the number on.
            number = errno.EIO if write == plan.to_html else errno.EFBIG
            assert (full.value.errno, full.value.filename) == (number, str(path))
            assert path.read_text() == "older"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", "plan.csv", "p"}
    with pytest.raises(OSError) as full:
        plan.save(Path("/dev/full"))
    assert full.value.errno == errno.ENOSPC


def test_links_stay_and_modes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = orionrt.plan(ROWS)
    real, link, probe = (tmp_path / name for name in ("real.json", "link.json", "probe"))
    real.write_text("older")
    real.chmod(0o640)
    link.symlink_to("real.json")
    plan.save(link)
    assert link.is_symlink() and orionrt.load(real) == plan
    assert real.stat().st_mode & 0o777 == 0o640
    probe.write_text("")
    monkeypatch.chdir(tmp_path)
    plan.save("new.json")
    assert (tmp_path / "new.json").stat().st_mode == probe.stat().st_mode


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
    given = orionrt.check([ROWS[2], ROWS[0], ROWS[1]], orionrt.check(ROWS, offsets))
    assert [given[name].offset for name in "abc"] == offsets


def test_what_never_changes_is_its_own_copy() -> None:
    plan = orionrt.plan(ROWS)
    for value in (plan, plan["a"], plan.lifetimes, orionrt.share({"one": plan})):
        assert copy.copy(value) is value and copy.deepcopy(value) is value


def test_gaps_of_a_tensor_that_is_not_there() -> None:
    lifetimes = orionrt.plan(ROWS).lifetimes
    assert lifetimes.gaps(2) == []
    with pytest.raises(IndexError, match="tensor 3 of 3"):
        lifetimes.gaps(3)
