"""The examples in the doc strings of the package."""

import doctest
import importlib
import re
import textwrap
from pathlib import Path

import pytest
from tflite_writer import chain

MODULES = [
    "orionrt",
    "orionrt.compat.minimalloc",
    "orionrt.compat.minimalloc._csv",
    "orionrt.compat.minimalloc._params",
    "orionrt.compat.minimalloc._problem",
    "orionrt.compat.minimalloc._solver",
    "orionrt.compat.minimalloc._validate",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0 and failed == 0


def test_the_example_of_the_models_for_tflite_micro(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.tflite").write_bytes(chain(5))
    run_example("orionrt.tflite")
    assert b"OfflineMemoryAllocation" in Path("planned.tflite").read_bytes()


def test_the_example_of_annotated_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    x, y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 16])
        for name in "xy"
    )
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"])]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [y])), "model.onnx")
    run_example("orionrt.onnx")
    assert Path("planned.onnx").exists()


def run_example(name: str) -> None:
    """Runs the lines of a module's doc string that are set in."""
    text = importlib.import_module(name).__doc__ or ""
    lines = re.findall(r"^(?: {4}.*)?\n", text, re.M)
    code = textwrap.dedent("".join(lines))
    assert "orionrt." in code
    exec(compile(f"import orionrt\n{code}", name, "exec"), {})
