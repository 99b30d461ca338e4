"""`orionrt.tflite`: plans in TensorFlow Lite models.

`.ci/run_tflite_micro.py` runs planned models of others with TensorFlow Lite Micro; the last test
here does so for a small one if the package tflite-micro is there.
"""

from __future__ import annotations

import pathlib
import resource
import struct

import orionrt
import orionrt.tflite
import pytest
from tflite_writer import chain

NAME = b"OfflineMemoryAllocation"


def words(model: bytes, count: int) -> tuple[int, ...]:
    """The offsets of the plan, a vector: its version, the subgraphs, the tensors, the offsets."""
    head = struct.pack("<4I", 4 * (3 + count), 1, 1, count)
    start = model.index(head) + len(head)
    return struct.unpack_from(f"<{count}i", model, start)


def test_a_chain_needs_two_tensors_at_a_time(tmp_path: pathlib.Path) -> None:
    source, target = tmp_path / "model.tflite", tmp_path / "planned.tflite"
    source.write_bytes(chain(5))
    plan = orionrt.tflite.plan_file(source, target)
    assert plan.peak == 2 * 1024
    planned = target.read_bytes()
    assert planned.count(NAME) == 1
    assert planned.endswith(source.read_bytes()), "the model is in the copy as it was"
    assert words(planned, 6) == tuple(plan[f"t{index}"].offset for index in range(6))
    assert [path.name for path in tmp_path.iterdir() if path not in (source, target)] == []


def test_a_model_may_be_planned_in_place_and_again(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(chain(2))
    first = orionrt.tflite.plan_file(path, path)
    second = orionrt.tflite.plan_file(path, path)
    assert first.peak == second.peak == 2 * 1024
    assert words(path.read_bytes(), 3) == tuple(second[f"t{index}"].offset for index in range(3))


def test_a_plan_of_another_model_is_refused() -> None:
    other = orionrt.plan([("a", 0, 1, 64)])
    with pytest.raises(orionrt.ModelError, match=r"t0.*no offset"):
        orionrt.tflite.with_plan(chain(2), other)
    unaligned = orionrt.plan([("t0", 0, 1, 8), ("t1", 0, 1, 8), ("t2", 0, 1, 8)])
    with pytest.raises(orionrt.ModelError, match="multiple of 16"):
        orionrt.tflite.with_plan(chain(2), unaligned)


def test_what_is_no_model_leaves_no_file(tmp_path: pathlib.Path) -> None:
    source, target = tmp_path / "model.tflite", tmp_path / "planned.tflite"
    source.write_bytes(b"\x10\0\0\0TFL3 no model")
    with pytest.raises(orionrt.ModelError):
        orionrt.tflite.plan_file(source, target)
    with pytest.raises(FileNotFoundError):
        orionrt.tflite.plan_file(tmp_path / "none.tflite", target)
    assert not target.exists()


def test_a_model_that_cannot_be_written_is_left_as_it_was(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(chain(500))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError):
            orionrt.tflite.plan_file(path, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == chain(500) and list(tmp_path.iterdir()) == [path]


def test_the_runtime_computes_the_same_with_the_plan(tmp_path: pathlib.Path) -> None:
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    numpy = pytest.importorskip("numpy")
    source, target = tmp_path / "model.tflite", tmp_path / "planned.tflite"
    source.write_bytes(chain(5))
    orionrt.tflite.plan_file(source, target)
    values = numpy.linspace(-1, 1, 256, dtype=numpy.float32).reshape(1, 256)
    for path in (source, target):
        interpreter = runtime.Interpreter.from_bytes(path.read_bytes(), arena_size=1 << 20)
        interpreter.set_input(values, 0)
        interpreter.invoke()
        assert numpy.array_equal(interpreter.get_output(0), numpy.maximum(values, 0))
