"""Values that are pickled, also into another process, are equal to what they were."""

import concurrent.futures
import copy
import multiprocessing
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orionrt

ROWS = [("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)]
RICH = [
    {"name": "state", "lower": -3, "upper": 6, "size": 2**40, "gaps": [(2, 3), (4, 5)]},
    {"name": "wörk,\n\"x\"", "lower": 2, "upper": 3, "size": 100, "alignment": 4},
    {"name": "head", "lower": 0, "upper": 1, "size": 10, "within": ("state", 4)},
    {"name": "io", "lower": 0, "upper": 6, "size": 8, "fixed_offset": 2**50},
    {"name": "table", "lower": 0, "upper": 6, "size": 9, "windows": [(2, 4, 0, 3), (2, 3, 5, 6)]},
]


@st.composite
def lifetimes(draw: st.DrawFn) -> orionrt.Lifetimes:
    rows: list[dict[str, Any]] = []
    for index in range(draw(st.integers(0, 12))):
        lower = draw(st.integers(-(2**62), 2**62))
        steps = draw(st.integers(4, 9))
        alignment = 1 << draw(st.integers(0, 12))
        row: dict[str, Any] = {"name": f"{draw(st.text(max_size=3))}{index}", "lower": lower}
        row |= {"upper": lower + steps, "size": draw(st.integers(0, 2**50)), "alignment": alignment}
        if draw(st.booleans()):
            row["gaps"] = [(lower + 1, lower + 1 + draw(st.integers(1, 2)))]
        if draw(st.booleans()) and row["size"] > 3 and "gaps" not in row:
            row["windows"] = [(lower + 1, lower + 2, draw(st.integers(0, 2)), 3)]
        if draw(st.booleans()):
            row["fixed_offset"] = alignment * draw(st.integers(0, 99))
        rows.append(row)
        if draw(st.booleans()) and "gaps" not in row:
            view = {"name": f"view {index}", "lower": lower + 1, "upper": lower + 2, "size": 0}
            rows.append(view | {"within": (row["name"], 0)})
    return orionrt.Lifetimes.from_rows(rows)


def columns(of: orionrt.Lifetimes) -> list[Any]:
    gaps = [of.gaps(index) for index in range(len(of))]
    pieces = [of.pieces(index) for index in range(len(of))]
    return [of.names, *(list(c) for c in (of.lower, of.upper, of.size, of.alignment)), gaps, pieces]


@given(lifetimes())
def test_lifetimes_come_back_from_every_protocol(before: orionrt.Lifetimes) -> None:
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        again = pickle.loads(pickle.dumps(before, protocol))
        assert again == before and hash(again) == hash(before) and again is not before
        assert columns(again) == columns(before)


def shared_plans() -> list[orionrt.SharedPlan]:
    hard = [(str(i), i * 7 % 30, i * 7 % 30 + 1 + i % 9, 1 + i * 37 % 101) for i in range(60)]
    models: dict[str, Any] = {"one": ROWS, "two": RICH[:1], "three": hard}
    schedules: list[Any] = [
        "one-at-a-time",
        "together",
        [("one", "three"), ("three", "two")],
        {"one": [0, 90], "two": [50], "three": [200, 260]},
    ]
    return [orionrt.share(models, schedule=each, nodes=2000) for each in schedules]


def test_plans_of_several_models_come_back() -> None:
    for before in shared_plans():
        again = pickle.loads(pickle.dumps(before))
        assert again == before and hash(again) == hash(before) and again is not before
        assert dict(again) == dict(before) and again.plan == before.plan
        assert (again.lower_bound, again.isolated_sum) == (before.lower_bound, before.isolated_sum)
        for a in before:
            assert again.isolated(a) == before.isolated(a)
            for b in before:
                assert again.may_run_together(a, b) == before.may_run_together(a, b)
        assert pickle.loads(pickle.dumps(again)) == before


def test_values_go_to_another_process_and_back() -> None:
    rich = orionrt.plan(RICH)
    values = [rich, rich.lifetimes, *rich.values(), *shared_plans()]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as other:
        for value in values:
            assert other.submit(copy.copy, value).result() == value
            assert other.submit(hash, value).result() == hash(value)


def test_windows_are_kept() -> None:
    plan = orionrt.plan(RICH)
    windows = [(0, 2, 0, 9), (2, 3, 0, 3), (2, 3, 5, 6), (3, 4, 0, 3), (4, 6, 0, 9)]
    for again in (plan, pickle.loads(pickle.dumps(plan))):
        assert again["table"].windows == windows == again.lifetimes.pieces(4)
        assert again["state"].windows == []
    lifetimes = pickle.loads(pickle.dumps(plan.lifetimes))
    assert lifetimes.pieces(4) == windows and orionrt.plan(lifetimes).peak == plan.peak


def test_copies_are_equal() -> None:
    rich = orionrt.plan(RICH)
    for value in (rich, rich.lifetimes, rich["head"], orionrt.share({"rich": rich})):
        assert copy.copy(value) == value == copy.deepcopy(value)
        assert copy.deepcopy({"of": [value]}) == {"of": [value]}


def test_what_was_changed_on_the_way_is_refused() -> None:
    make, (names, rows, fixed, within, gaps, windows) = orionrt.plan(RICH).lifetimes.__reduce__()
    with pytest.raises(ValueError, match="5 names with 152 bytes of rows, expected 160"):
        make(names, rows[:-8], fixed, within, gaps, windows)
    with pytest.raises(ValueError, match="position 9, expected that of one of 5 tensors"):
        make(names, rows, [(9, 0)], within, gaps, windows)
    with pytest.raises(orionrt.LifetimeError):
        make(names, rows, fixed, [(2, 7, 0)], gaps, windows)
    with pytest.raises(orionrt.LifetimeError, match="9..10"):
        make(names, rows, fixed, within, gaps, [(4, [(0, 6, 9, 10)])])
    # Earlier versions had no windows.
    earlier = make(names, rows, fixed, within, gaps)
    assert earlier.pieces(4) == [(0, 6, 0, 9)] and earlier.gaps(0) == [(2, 3), (4, 5)]
    together = orionrt.share({"one": ROWS, "two": ROWS}, schedule="together")
    make, (models, _, *rest) = together.__reduce__()
    make(models, "together", *rest)
    apart = orionrt.share({"one": ROWS, "two": ROWS})
    _, (_, _, offsets, *_) = apart.__reduce__()
    with pytest.raises(orionrt.OverlapError):
        make(models, "together", offsets, *rest[1:])


def test_what_runs_at_the_same_time_has_no_steps_to_pickle() -> None:
    graph = orionrt.Graph()
    for name in ("a", "b"):
        graph.tensor(name, 64)
    graph.op("first", writes=["a"], stream=0)
    graph.op("second", writes=["b"], stream=1)
    for value in (graph.lifetimes(), orionrt.share({"graph": graph})):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(value)


def test_the_facts_of_a_model_are_not_pickled() -> None:
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    given, result = (value(name, onnx.TensorProto.FLOAT, [4]) for name in "xy")
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "one", [given], [result]))
    plan = orionrt.plan_model(model)
    again = pickle.loads(pickle.dumps(plan))
    assert plan.model is not None and again.model is None and again == plan
