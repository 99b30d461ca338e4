"""Plans in ONNX models: the place of every tensor, as metadata of the model's values.

A compiler or a runtime that reads the model finds the offsets where the values are, and all other
readers pass over them: they are entries of `metadata_props`, which ONNX 1.16 and later have for
values (`ValueInfoProto`). The type, the shape and the computation of a model stay as they are.

| where | key | what it says |
| --- | --- | --- |
| model | `orionrt.peak` | the bytes of the region in which all tensors lie |
| model | `orionrt.alignment` | what the start of that region must be a multiple of, in bytes |
| model | `orionrt.lower_bound` | the bytes that no plan can do without, as far as is proven |
| value | `orionrt.offset` | where the tensor begins, in bytes from the start of the region |
| value | `orionrt.size` | its bytes |
| value | `orionrt.lower`, `orionrt.upper` | it is alive in steps `lower..upper`, without `upper` |
| model | `orionrt.tensor.NAME` | the same four numbers of a tensor that is no value of the graph |

All are decimal numbers. A step is a position in the order of operators that was planned: that of
the file, unless another one was asked for. Tensors that are no values of the main graph are those
in bodies of control flow, and working memory of operators.

    import orionrt.onnx

    plan = orionrt.plan_model("model.onnx", dims={"batch": 1})
    orionrt.onnx.annotate_file("model.onnx", "planned.onnx", plan)
    orionrt.onnx.read("planned.onnx").places["x"].offset

The package onnx is imported when a function is called.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ._native import write_file

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

    from . import Plan

__all__ = ["Annotations", "Place", "annotate", "annotate_file", "read"]

_PREFIX = "orionrt."
_TENSOR = _PREFIX + "tensor."
_FIELDS = ("offset", "size", "lower", "upper")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a tensor lies: `size` bytes at `offset`, in steps `lower..upper`."""

    offset: int
    size: int
    lower: int
    upper: int


@dataclasses.dataclass(frozen=True)
class Annotations:
    """What a model says of its plan; sizes are in bytes."""

    peak: int
    alignment: int
    lower_bound: int
    places: dict[str, Place]


def annotate(model: ModelProto | str | os.PathLike[str], plan: Plan) -> ModelProto:
    """A copy of a model with a plan in it, in place of one that it has already.

    A value without a `ValueInfoProto` gets one, with its name alone. External data is not read.

    Raises `ValueError` if the plan has no tensor of the model.
    """
    copy = _copy(model)
    graph = copy.graph
    _clear(copy)
    known = set(_values(graph))
    infos = {info.name: info for info in [*graph.input, *graph.output, *graph.value_info]}
    strangers: dict[str, Place] = {}
    for name, tensor in plan.items():
        place = Place(tensor.offset, tensor.size, tensor.lower, tensor.upper)
        if name not in known:
            strangers[name] = place
            continue
        if name not in infos:
            infos[name] = graph.value_info.add(name=name)
        for field in _FIELDS:
            _add(infos[name], _PREFIX + field, getattr(place, field))
    if strangers and len(strangers) == len(plan):
        name = next(iter(strangers))
        raise ValueError(
            f"none of the plan's {len(plan)} tensors is a value of the model, '{name}' for one; "
            "expected a plan of this model"
        )
    _add(copy, _PREFIX + "peak", plan.peak)
    _add(copy, _PREFIX + "alignment", plan.alignment)
    _add(copy, _PREFIX + "lower_bound", plan.lower_bound)
    for name, place in strangers.items():
        _add(copy, _TENSOR + name, " ".join(str(n) for n in dataclasses.astuple(place)))
    return copy


def annotate_file(
    source: str | os.PathLike[str], target: str | os.PathLike[str], plan: Plan
) -> None:
    """Writes a copy of a model with a plan in it, which appears complete or not at all.

    Raises `ValueError` as `annotate` does, and for a model with external data that would be
    written into another folder than the data is in.
    """
    model = annotate(source, plan)
    source, target = pathlib.Path(source), pathlib.Path(target)
    if _has_external_data(model.graph) and source.resolve().parent != target.resolve().parent:
        raise ValueError(
            f"'{source}' has external data, which is found from the model's folder: expected a "
            f"target in that folder, not '{target}'"
        )
    write_file(target, model.SerializeToString())


def read(model: ModelProto | str | os.PathLike[str]) -> Annotations:
    """What a model says of its plan.

    Raises `ValueError` if it says nothing, or something that is no number.
    """
    proto = _copy(model)
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    places: dict[str, Place] = {}
    for info in _infos(proto.graph):
        entries = {entry.key: entry.value for entry in info.metadata_props}
        if _PREFIX + "offset" in entries:
            numbers = (_number(entries, _PREFIX + field, info.name) for field in _FIELDS)
            places[info.name] = Place(*numbers)
    for key, text in facts.items():
        if key.startswith(_TENSOR):
            parts: dict[str, str] = dict(zip(_FIELDS, text.split(" ")))
            name = key.removeprefix(_TENSOR)
            places[name] = Place(*(_number(parts, field, name) for field in _FIELDS))
    peak, alignment, bound = (
        _number(facts, _PREFIX + key, "the model") for key in ("peak", "alignment", "lower_bound")
    )
    return Annotations(peak, alignment, bound, places)


def _copy(model: ModelProto | str | os.PathLike[str]) -> ModelProto:
    import onnx

    if not hasattr(onnx.ValueInfoProto(), "metadata_props"):
        raise ImportError(f"onnx {onnx.__version__} has no metadata of values: 1.16 is needed")
    copy = onnx.ModelProto()
    if isinstance(model, (str, os.PathLike)):
        copy.ParseFromString(pathlib.Path(model).read_bytes())
    else:
        copy.CopyFrom(model)
    return copy


def _infos(graph: GraphProto) -> list[Any]:
    return [*graph.input, *graph.output, *graph.value_info]


def _values(graph: GraphProto) -> Iterator[str]:
    """The names of the values that are computed or given; those of weights may be among them."""
    yield from (info.name for info in _infos(graph))
    for node in graph.node:
        yield from node.output


def _add(owner: Any, key: str, value: object) -> None:
    owner.metadata_props.add(key=key, value=str(value))


def _clear(model: ModelProto) -> None:
    """Takes an earlier plan out."""
    for owner in [model, *_infos(model.graph)]:
        kept = [entry for entry in owner.metadata_props if not entry.key.startswith(_PREFIX)]
        if len(kept) < len(owner.metadata_props):
            del owner.metadata_props[:]
            owner.metadata_props.extend(kept)
    infos = model.graph.value_info
    typed = [info for info in infos if info.HasField("type") or info.metadata_props]
    if len(typed) < len(infos):
        del infos[:]
        infos.extend(typed)


def _has_external_data(graph: GraphProto) -> bool:
    import onnx

    external = onnx.TensorProto.EXTERNAL
    if any(tensor.data_location == external for tensor in graph.initializer):
        return True
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    bodies = [a.g for a in attributes if a.HasField("g")]
    bodies += [body for a in attributes for body in a.graphs]
    tensors = [a.t for a in attributes if a.HasField("t")]
    is_external = any(tensor.data_location == external for tensor in tensors)
    return is_external or any(_has_external_data(body) for body in bodies)


def _number(entries: Mapping[str, str], key: str, where: str) -> int:
    text = entries.get(key)
    if text is None:
        raise ValueError(f"{where} has no '{key}', expected a model that was annotated")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{where}: '{key}' is '{text}', expected a number") from None
