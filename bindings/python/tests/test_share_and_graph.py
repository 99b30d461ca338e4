"""Several models in one region, and graphs."""

import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

import orionrt

A = [("a", 0, 2, 1000), ("b", 1, 3, 2000)]
B = [("c", 0, 2, 500)]


def test_models_that_never_run_together_share_bytes() -> None:
    shared = orionrt.share({"first": A, "second": orionrt.plan(B)})
    assert (shared.peak, shared.isolated_sum, shared.saved_bytes) == (3000, 3500, 500)
    assert list(shared) == list(shared.keys()) == ["first", "second"] and len(shared) == 2
    assert shared.optimal and shared.lower_bound == 3000 and not shared.interrupted
    assert shared["second"]["c"].offset + 500 <= 3000
    assert shared.isolated("second").peak == 500
    assert list(shared.plan) == ["first/a", "first/b", "second/c"]
    assert shared.get("third") is None
    with pytest.raises(KeyError, match="third"):
        shared["third"]


def test_schedules() -> None:
    models = {"first": A, "second": B}
    assert orionrt.share(models, schedule="together").peak == 3500
    pairs = orionrt.share(models, schedule=[("first", "second")])
    assert pairs.peak == 3500 and pairs.may_run_together("first", "second")
    starts = orionrt.share(models, schedule={"first": [0, 20], "second": [10]})
    assert starts.peak == 3000 and not starts.may_run_together("first", "second")
    with pytest.raises(ValueError, match="schedule is often, expected 'one-at-a-time'"):
        orionrt.share(models, schedule="often")
    with pytest.raises(KeyError, match="third"):
        orionrt.share(models, schedule=[("first", "third")])
    with pytest.raises(orionrt.SharingError, match="'first' is paired with itself") as paired:
        orionrt.share(models, schedule=[("first", "first")])
    assert (paired.value.models, paired.value.tensor, paired.value.starts) == (("first",), None, ())
    with pytest.raises(orionrt.SharingError) as overlap:
        orionrt.share({"one": [("a", 0, 5, 8)]}, schedule={"one": [0, 3]})
    assert (overlap.value.models, overlap.value.tensor) == (("one",), "a")
    assert overlap.value.starts == (0, 3)
    with pytest.raises(orionrt.CapacityError) as refused:
        orionrt.share(models, capacity=2000)
    assert refused.value.capacity == 2000
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(pairs.plan)


def chain() -> orionrt.Graph:
    graph = orionrt.Graph()
    for name, size in (("x", 64), ("y", 1024), ("z", 1024)):
        graph.tensor(name, size)
    graph.op("conv", reads=["x"], writes=["y"])
    graph.op("relu", reads=["y"], writes=["z"], in_place={"z": "y"})
    graph.output("z")
    return graph


def test_results_in_place_take_the_bytes_of_operands() -> None:
    plan = orionrt.plan(chain())
    assert (plan.peak, plan["z"].within) == (1088, ("y", 0))
    assert orionrt.plan(chain().lifetimes(aliasing="off")).peak == 2048
    assert repr(chain()) == "<Graph: 3 tensors, 2 operators>"


def test_inputs_that_are_given_up_are_written_over() -> None:
    graph = orionrt.Graph()
    for name, size in (("x", 1024), ("y", 1024), ("past", 512), ("present", 512)):
        graph.tensor(name, size)
    graph.op("relu", in_place={"y": "x"})
    graph.op("append", in_place={"present": "past"})
    graph.output("y")
    graph.output("present")
    graph.alias_output("present", "past")
    assert graph.lifetimes().load == 2560 == graph.lifetimes(aliasing="off").load
    graph.donate("x")
    plan = orionrt.plan(graph)
    assert plan.peak == 1536 and plan["present"].offset == plan["past"].offset
    with pytest.raises(orionrt.GraphError, match="no tensor 'z'"):
        graph.donate("z")
    with pytest.raises(orionrt.GraphError, match="no tensor 'z'"):
        graph.alias_output("present", "z")
    graph.op("compare", reads=["past"])
    with pytest.raises(orionrt.GraphError, match="compare"):
        graph.lifetimes()


def test_views_and_orders() -> None:
    graph = orionrt.Graph()
    sizes = {"x": 10, "a1": 100, "a2": 10, "b1": 100, "b2": 10, "part": 4, "out": 10}
    for name, size in sizes.items():
        graph.tensor(name, size, alignment=1)
    graph.op("widen a", reads=["x"], writes=["a1"])
    graph.op("widen b", reads=["x"], writes=["b1"])
    graph.op("reduce a", reads=["a1"], writes=["a2"])
    graph.op("reduce b", reads=["b1"], writes=["b2"])
    graph.op("slice", views={"part": ("b2", 4)})
    graph.op("join", reads=["a2", "b2", "part"], writes=["out"])
    graph.output("out")
    assert graph.lifetimes().load == 210
    assert graph.lifetimes(order="memory").load == 120
    assert graph.memory_order()[:3] == ["widen a", "reduce a", "widen b"]
    assert orionrt.plan(graph)["part"].within == ("b2", 4)


@pytest.mark.filterwarnings("error")
def test_streams_that_do_not_wait_share_no_bytes(tmp_path: Path) -> None:
    def graph(after: list[str]) -> orionrt.Graph:
        graph = orionrt.Graph()
        for name in ("a", "b"):
            graph.tensor(name, 64)
        graph.op("first", writes=["a"], stream=0)
        graph.op("second", writes=["b"], stream=1, after=after)
        return graph

    assert orionrt.plan(graph(["first"])).peak == 64
    plan = orionrt.plan(graph([]))
    assert plan.peak == 128
    with pytest.raises(orionrt.CapacityError) as refused:
        orionrt.plan(graph([]), capacity=100)
    for concurrent in (plan, refused.value.best, orionrt.plan(plan)):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(concurrent)
        with pytest.warns(UserWarning, match="steps of tensors alone"):
            concurrent.save(tmp_path / "plan.json")
    waits = orionrt.plan(graph(["first"]))
    assert pickle.loads(pickle.dumps(waits)) == waits
    waits.save(tmp_path / "plan.json")
    shared = orionrt.share({"one": graph([]), "two": graph(["first"])})
    for part in (shared["one"], shared.isolated("one")):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(part)
    assert pickle.loads(pickle.dumps(shared["two"])) == shared["two"]
    with pytest.raises(orionrt.OverlapError) as overlap:
        orionrt.check(graph([]), [0, 0])
    assert (overlap.value.names, overlap.value.steps) == (("a", "b"), None)


def test_devices_have_plans_of_their_own() -> None:
    graph = orionrt.Graph()
    graph.device("gpu", alignment=256)
    graph.tensor("x", 100)
    graph.tensor("y", 1000, device="gpu")
    graph.op("upload", reads=["x"], writes=["y"])
    graph.output("y")
    assert graph.devices == ["host", "gpu"]
    peaks = [orionrt.plan(graph.lifetimes(device=name)).peak for name in graph.devices]
    assert peaks == [100, 1000]
    with pytest.raises(orionrt.GraphError, match="on devices host, gpu, .*expected one of them"):
        orionrt.plan(graph)


def test_python_may_run_while_an_operator_is_added() -> None:
    graph = orionrt.Graph()
    graph.tensor("x", 8)
    graph.tensor("y", 4, alignment=4)

    class Offset:
        def __index__(self) -> int:
            # Another thread, and this one, find the graph unlocked.
            thread = threading.Thread(target=graph.tensor, args=("z", 8), daemon=True)
            thread.start()
            thread.join(timeout=60)
            assert not thread.is_alive() and "3 tensors" in repr(graph)
            return 4

    views: Any = {"y": ("x", Offset())}
    graph.op("slice", reads=["x"], views=views)
    assert orionrt.plan(graph)["y"].within == ("x", 4)


def test_mistakes_in_graphs_are_named() -> None:
    graph = chain()
    with pytest.raises(orionrt.GraphError, match="no tensor 'w'") as unknown:
        graph.op("exp", reads=["w"])
    assert unknown.value.name == "w"
    with pytest.raises(orionrt.GraphError, match="'x' is there already"):
        graph.tensor("x", 1)
    with pytest.raises(orionrt.GraphError, match="no operator 'wait'"):
        graph.op("exp", reads=["z"], after=["wait"])
    with pytest.raises(ValueError, match="tensor 'v': 8 bytes at a multiple of 3"):
        graph.tensor("v", 8, alignment=3)
    graph.op("again", reads=["x"], writes=["y"])
    with pytest.raises(orionrt.GraphError, match="'y'"):
        orionrt.plan(graph)
