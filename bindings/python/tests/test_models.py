"""Models: ONNX files, bytes and messages, and what is wrong with them."""

import base64
import gzip
import re
from pathlib import Path
from typing import Any

import pytest

import orionrt

onnx = pytest.importorskip("onnx")


def model(*nodes: tuple[str, list[str], list[str]], shape: list[Any]) -> Any:
    """A model from `x` to `out` of these operators, each called by its first result."""
    info = onnx.helper.make_tensor_value_info
    made = [onnx.helper.make_node(kind, reads, writes, writes[0]) for kind, reads, writes in nodes]
    graph = onnx.helper.make_graph(
        made,
        "graph",
        [info("x", onnx.TensorProto.FLOAT, shape)],
        [info("out", onnx.TensorProto.FLOAT, shape)],
    )
    return onnx.helper.make_model(graph)


CHAIN = (("Exp", ["x"], ["y"]), ("Relu", ["y"], ["z"]), ("Exp", ["z"], ["out"]))


def test_a_file_bytes_and_a_message_are_the_same(tmp_path: Path) -> None:
    message = model(*CHAIN, shape=[4, 16])
    onnx.save(message, tmp_path / "model.onnx")
    plan = orionrt.plan_model(tmp_path / "model.onnx")
    assert plan == orionrt.plan_model(str(tmp_path / "model.onnx"))
    assert plan == orionrt.plan_model(message.SerializeToString())
    assert plan == orionrt.plan_model(bytearray(message.SerializeToString()))
    assert plan == orionrt.plan_model(message)
    assert (plan.peak, plan.alignment, list(plan)) == (512, 64, ["x", "y", "z", "out"])
    facts = plan.model
    assert facts is not None and (facts.format, facts.nodes) == ("onnx", 3)
    assert facts.operators == ["y", "z", "out"] and facts.left_out == []
    assert orionrt.plan(facts).offsets == plan.offsets


def test_aliasing_alignment_and_order() -> None:
    message = model(*CHAIN, shape=[4, 16])
    for aliasing in ("in-place", "parts"):
        assert orionrt.plan_model(message, aliasing=aliasing)["z"].within == ("y", 0)
    assert orionrt.plan_model(message, alignment=1024).peak == 1024 + 256
    with pytest.raises(ValueError, match="aliasing is 'all', expected 'off'"):
        orionrt.plan_model(message, aliasing="all")
    branches = (
        ("Exp", ["x"], ["a"]), ("Exp", ["x"], ["b"]), ("Exp", ["a"], ["c"]),
        ("Exp", ["b"], ["d"]), ("Add", ["c", "d"], ["out"]),
    )
    message = model(*branches, shape=[100])
    found = orionrt.read_model(message, order="memory")
    assert found.file_load is not None and found.lifetimes.load <= found.file_load
    assert found.order_optimal
    given = orionrt.read_model(message, order=["b", "a", "d", "c", "out"])
    assert given.operators == ["b", "a", "d", "c", "out"]
    with pytest.raises(orionrt.OrderError, match="order\\[1\\] is 'e'"):
        orionrt.read_model(message, order=["a", "e"])
    with pytest.raises(orionrt.OrderError, match="before operator"):
        orionrt.read_model(message, order=["c", "a", "b", "d", "out"])
    with pytest.raises(ValueError, match="order is 'best'"):
        orionrt.read_model(message, order="best")


def test_inputs_are_given_up() -> None:
    message = model(*CHAIN, shape=[4, 16])
    assert orionrt.plan_model(message, aliasing="in-place").peak == 512
    for donate in ("all", ["x"], "x"):
        plan = orionrt.plan_model(message, aliasing="in-place", donate=donate)
        assert (plan.peak, plan["out"].within) == (256, ("x", 0))
    assert orionrt.plan_model(message, aliasing="parts", donate="all").peak == 256
    plan = orionrt.plan_model(message, same={"out": "x"})
    assert (plan.peak, plan["out"].offset) == (768, plan["x"].offset)
    with pytest.raises(ValueError, match="aliasing 'off', expected aliasing 'in-place'"):
        orionrt.plan_model(message, donate="all")
    with pytest.raises(orionrt.GraphError, match="no input .* called 'z'; expected 'x'") as no:
        orionrt.read_model(message, aliasing="in-place", donate=["z"])
    assert no.value.name == "z"
    unknown = "no output of the graph is called 'y'; expected 'out'"
    with pytest.raises(orionrt.GraphError, match=unknown):
        orionrt.read_model(message, same={"y": "x"})
    late = model(*CHAIN, ("Neg", ["x"], ["late"]), shape=[4, 16])
    with pytest.raises(orionrt.GraphError, match="late"):
        orionrt.read_model(late, same={"out": "x"})


def test_dimensions() -> None:
    message = model(*CHAIN, shape=["n", "m"])
    assert {name for name, *_ in orionrt.dimensions(message)} == {"n", "m"}
    with pytest.raises(orionrt.MissingDimsError, match="dims=") as missing:
        orionrt.plan_model(message, dims={"n": 2})
    assert [name for name, *_ in missing.value.missing] == ["m"]
    with pytest.raises(orionrt.UnknownDimError) as unknown:
        orionrt.plan_model(message, dims={"n": 2, "m": 3, "k": 4})
    assert unknown.value.name == "k" and set(unknown.value.known) == {"n", "m"}
    assert orionrt.plan_model(message, dims={"n": 2, "m": 3}, alignment=1).load == 2 * 2 * 3 * 4
    with pytest.raises(orionrt.InputError) as given:
        orionrt.plan_model(message, dims={"n": 2, "m": 3}, inputs={"none": [1, 2]})
    assert given.value.name == "none"


def test_an_input_without_elements_is_one_of_whole_numbers() -> None:
    info, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    inputs = [info("x", types.FLOAT, [1]), info("shape", types.INT64, [0])]
    node = onnx.helper.make_node("Reshape", ["x", "shape"], ["out"])
    graph = onnx.helper.make_graph([node], "graph", inputs, [info("out", types.FLOAT, [])])
    plan = orionrt.plan_model(onnx.helper.make_model(graph), inputs={"shape": []})
    assert plan["out"].size == 4


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        orionrt.plan_model(tmp_path / "none.onnx")
    with pytest.raises(orionrt.ModelError, match="neither an ONNX nor a TensorFlow Lite model"):
        orionrt.plan_model(b"\x89PNG\r\n")
    with pytest.raises(TypeError):
        orionrt.plan_model(5)


def test_a_page_of_a_model(tmp_path: Path) -> None:
    operators = (("Exp", ["x"], ["widened"]), ("Relu", ["widened"], ["out"]))
    plan = orionrt.plan_model(model(*operators, shape=["batch", 16]))
    path = tmp_path / "page.html"
    plan.to_html(path, title="a model")
    text = re.findall(r'id="orionrt-data"[^>]*>(.*?)</script>', path.read_text(), re.S)[0]
    data = gzip.decompress(base64.b64decode(text))
    assert b'"notes":["assumed: batch = 1"]' in data and b'"title":"a model"' in data
    assert b"widened" in data and b"Relu" in data
    orionrt.plan(plan).to_html(path)
    text = re.findall(r'id="orionrt-data"[^>]*>(.*?)</script>', path.read_text(), re.S)[0]
    data = gzip.decompress(base64.b64decode(text))
    assert b"Relu" not in data and b"assumed" not in data, "the plan is of no model"
