"""The types of arguments."""

import os
from collections.abc import Iterable, Mapping, Sequence
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

Aliasing: TypeAlias = Literal["off", "views", "in-place", "parts"]
"""Which bytes an executor shares: none, those of views, also those of results in place, or also
those of operands within the results of concatenations."""


@runtime_checkable
class Serializable(Protocol):
    """A message of Protocol Buffers, such as `onnx.ModelProto`."""

    def SerializeToString(self) -> bytes: ...


ModelLike: TypeAlias = str | os.PathLike[str] | Buffer | Serializable
"""A model: the path of its file, its bytes, or an `onnx.ModelProto`."""

Schedule: TypeAlias = (
    Literal["one-at-a-time", "together"] | Sequence[tuple[str, str]] | Mapping[str, Sequence[int]]
)
"""Which models may run at the same time: none, all `"together"`, those of pairs of names, or what
follows from the steps of a common clock at which each starts."""


def plain_schedule(schedule: Schedule) -> str | Sequence[tuple[str, str]] | dict[str, list[int]]:
    """A schedule as the native half takes it."""
    if isinstance(schedule, Mapping):
        return {name: list(starts) for name, starts in schedule.items()}
    return schedule
