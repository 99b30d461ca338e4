"""The types of arguments."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from ._native import Graph, Lifetimes, Model, Plan
from ._recording import Recording

if TYPE_CHECKING:
    from typing_extensions import Buffer
else:
    # `collections.abc.Buffer` is there from Python 3.12 on.
    Buffer = Any

Row: TypeAlias = (
    tuple[str | int, int, int, int] | tuple[str | int, int, int, int, int] | Mapping[str, Any]
)
"""A tensor: `(name, lower, upper, size[, alignment])`, or a mapping with these keys."""


class Table(Protocol):
    """A table with named columns: a data frame of pandas or polars, or a table of pyarrow."""

    @property
    def columns(self) -> Any: ...
    def __getitem__(self, key: Any, /) -> Any: ...


LifetimesLike: TypeAlias = (
    Lifetimes
    | Model
    | Graph
    | Recording
    | Plan
    | str
    | os.PathLike[str]
    | Iterable[Row]
    | Mapping[str, Any]
    | Table
    | Buffer
)
"""What `orionrt.plan` takes."""

Aliasing: TypeAlias = Literal["off", "views", "in-place"]
"""Which bytes an executor shares: none, those of views, or also those of results in place."""


@runtime_checkable
class Serializable(Protocol):
    """A message of Protocol Buffers, such as `onnx.ModelProto`."""

    def SerializeToString(self) -> bytes: ...


ModelLike: TypeAlias = str | os.PathLike[str] | Buffer | Serializable
"""A model: the path of its file, its bytes, or an `onnx.ModelProto`."""
