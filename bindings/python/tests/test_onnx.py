"""`orionrt.onnx`: plans as metadata of ONNX models. Skipped where the package onnx is not there."""

from __future__ import annotations

import pathlib
import struct

import orionrt
import pytest

onnx = pytest.importorskip("onnx")

import orionrt.onnx as annotations  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

KEYS = ["orionrt.offset", "orionrt.size", "orionrt.lower", "orionrt.upper"]


def model() -> onnx.ModelProto:
    """x, its square, the square's root and a sum; `root` has no ValueInfoProto."""
    floats = TensorProto.FLOAT
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["square"]),
        helper.make_node("Sqrt", ["square"], ["root"]),
        helper.make_node("Add", ["root", "bias"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", floats, [4, 64])],
        [helper.make_tensor_value_info("y", floats, [4, 64])],
        [helper.make_tensor("bias", floats, [64], struct.pack("<64f", *[0.5] * 64), raw=True)],
        value_info=[helper.make_tensor_value_info("square", floats, [4, 64])],
    )
    opset = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=8)
    helper.set_model_props(made, {"author": "someone"})
    return made


def plan_of(proto: onnx.ModelProto) -> orionrt.Plan:
    return orionrt.plan_model(proto.SerializeToString())


def props(owner: object) -> dict[str, str]:
    entries = owner.metadata_props  # type: ignore[attr-defined]
    return {entry.key: entry.value for entry in entries}


def test_every_value_says_where_its_tensor_lies() -> None:
    proto = model()
    before = proto.SerializeToString()
    plan = plan_of(proto)
    planned = annotations.annotate(proto, plan)
    assert proto.SerializeToString() == before, "the model that was given stays as it is"
    infos = [*planned.graph.input, *planned.graph.output, *planned.graph.value_info]
    by_name = {info.name: info for info in infos}
    assert set(plan.keys()) <= set(by_name)
    assert "root" in plan
    for name, tensor in plan.items():
        expected = [tensor.offset, tensor.size, tensor.lower, tensor.upper]
        assert [int(props(by_name[name])[key]) for key in KEYS] == expected
    facts = props(planned)
    assert facts["author"] == "someone"
    assert int(facts["orionrt.peak"]) == plan.peak
    assert int(facts["orionrt.alignment"]) == plan.alignment
    onnx.checker.check_model(planned, full_check=True)


def test_what_is_written_is_read() -> None:
    plan = plan_of(model())
    read = annotations.read(annotations.annotate(model(), plan))
    assert (read.peak, read.alignment) == (plan.peak, plan.alignment)
    assert read.lower_bound == plan.lower_bound
    expected = {n: (t.offset, t.size, t.lower, t.upper) for n, t in plan.items()}
    found = {n: (p.offset, p.size, p.lower, p.upper) for n, p in read.places.items()}
    assert found == expected


def test_a_second_plan_takes_the_place_of_the_first() -> None:
    once = annotations.annotate(model(), plan_of(model()))
    other = orionrt.plan([("x", 0, 1, 8), ("work of y", 2, 3, 16)])
    twice = annotations.annotate(once, other)
    read = annotations.read(twice)
    assert set(read.places) == {"x", "work of y"}
    assert read.places["work of y"] == annotations.Place(other["work of y"].offset, 16, 2, 3)
    assert read.peak == other.peak
    assert [info.name for info in twice.graph.value_info] == ["square"]
    again = annotations.annotate(twice, plan_of(model()))
    assert again.SerializeToString(deterministic=True) == once.SerializeToString(deterministic=True)


def test_a_plan_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the plan's 1 tensors is a value of the model"):
        annotations.annotate(model(), orionrt.plan([("other", 0, 1, 8)]))


def test_models_that_say_nothing_or_nonsense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the model has no 'orionrt\.peak'"):
        annotations.read(model())
    planned = annotations.annotate(model(), plan_of(model()))
    planned.graph.input[0].metadata_props[0].value = "low"
    with pytest.raises(ValueError, match=r"x: 'orionrt\.offset' is 'low', expected a number"):
        annotations.read(planned)


def test_files_are_annotated_beside_their_data(tmp_path: pathlib.Path) -> None:
    source, target = tmp_path / "model.onnx", tmp_path / "planned.onnx"
    options = {"save_as_external_data": True, "location": "weights", "size_threshold": 0}
    onnx.save_model(model(), source, **options)
    plan = orionrt.plan_model(source)
    annotations.annotate_file(source, target, plan)
    assert annotations.read(target).peak == plan.peak
    (bias,) = onnx.load(target).graph.initializer
    assert list(onnx.numpy_helper.to_array(bias)) == [0.5] * 64
    elsewhere = tmp_path / "folder"
    elsewhere.mkdir()
    with pytest.raises(ValueError, match="external data"):
        annotations.annotate_file(source, elsewhere / "planned.onnx", plan)


def test_a_runtime_computes_the_same() -> None:
    runtime = pytest.importorskip("onnxruntime")
    numpy = pytest.importorskip("numpy")
    planned = annotations.annotate(model(), plan_of(model()))
    x = numpy.linspace(0, 1, 256, dtype=numpy.float32).reshape(4, 64)
    results = []
    for proto in (model(), planned):
        session = runtime.InferenceSession(
            proto.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        results.append(session.run(None, {"x": x})[0])
    assert numpy.array_equal(*results)
