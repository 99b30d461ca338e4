"""The exceptions of the package. What an error is about is in its attributes."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._native import Plan


class OrionError(Exception):
    """The base class of all exceptions of this package."""


class LifetimeError(OrionError, ValueError):
    """A row that cannot be a lifetime."""

    row: int
    """The position of the row, counted from 0."""
    name: str | None
    """The name of the tensor, if it is known."""
    column: str | None = None
    """The name of the column, if the rows are given by columns and one of them is at fault."""


class PlanError(OrionError, ValueError):
    """Offsets that are no plan. The subclasses say why."""

    ids: tuple[int, ...] = ()
    """The positions of the tensors concerned, counted from 0; none if the error is about all."""
    names: tuple[str, ...] = ()
    """Their names."""


class OverlapError(PlanError):
    """Two tensors that may be alive together share bytes."""

    bytes: range
    """The bytes that they share."""
    steps: range | None = None
    """The steps at which both are alive; `None` for operators or models that run concurrently."""


class MisalignedError(PlanError):
    """An offset is not a multiple of its tensor's alignment, both in bytes."""

    offset: int
    alignment: int


class MisplacedError(PlanError):
    """A tensor is not where its fixed offset, or the tensor that it lies within, demands."""

    offset: int
    """The offset in bytes."""
    expected: int
    """Where it must be."""


class OutOfRangeError(PlanError):
    """A tensor ends at 2^63 bytes or above."""

    offset: int
    size: int


class CountError(PlanError):
    """There is not exactly one offset for each tensor."""

    tensors: int
    offsets: int


class CapacityError(OrionError):
    """No plan within the capacity was found."""

    capacity: int
    """The capacity in bytes."""
    best: "Plan"
    """The best plan that was found."""
    interrupted: bool
    """Whether Ctrl-C, the callback or a `Cancel` has ended the search."""


class FileError(OrionError, ValueError):
    """A file that is not what it should be."""

    path: Path
    line: int | None = None
    """The line of the mistake, counted from 1, if it has one."""
    column: int | None = None
    """The column of the mistake in bytes, counted from 1, if it has one."""
    tensor: int | None = None
    """The position of the tensor in a plan, counted from 0, if the mistake is about one."""


class DeviceError(OrionError, ValueError):
    """A file has no such device, or several of which none is chosen."""

    path: Path
    device: str | None
    """The device that was asked for."""
    devices: list[str]
    """Those that the file has."""


class ModelError(OrionError, ValueError):
    """A file that cannot be planned as a model. The subclasses say what to give."""

    node: str | None = None
    """The operator that contradicts itself or its operands, if it is about one."""
    operator: str | None = None
    """The type of that operator."""
    tensor: str | None = None
    """The tensor whose shape the file states wrongly, if it is about one."""


class MissingDimsError(ModelError):
    """Dimensions whose size must be given."""

    missing: list[tuple[str, str, bool]]
    """Their names, where each occurs first, and whether an upper bound is asked for."""


class UnknownDimError(ModelError):
    """A dimension was given that the model does not have."""

    name: str
    known: list[str]
    """The names that the model has."""


class InputError(ModelError):
    """A value was given for an input that the model does not have, or that does not fit."""

    name: str


class OrderError(OrionError, ValueError):
    """An order of operators that is no order of the model's operators, or not a valid one."""


class GraphError(OrionError, ValueError):
    """A graph that is not valid, or that uses a name which was not declared."""

    name: str | None = None
    """The name that was not declared, or that was declared twice."""


class ArenaError(OrionError, MemoryError):
    """The operating system refuses memory for an arena, or the page lock."""


class LeaseError(OrionError):
    """A tensor whose bytes are lent already, or that is never alive."""

    name: str
    """The tensor that was asked for."""
    by: str | None
    """The tensor that has the bytes."""
    id: int
    """The position of the tensor that was asked for, counted from 0."""


class SharingError(OrionError, ValueError):
    """Models or a schedule that cannot be planned together."""

    models: tuple[str, ...] = ()
    """The names of the models concerned; none if the error is about all."""
    tensor: str | None = None
    """The tensor, if it is about one."""
    starts: tuple[int, ...] = ()
    """The steps at which the runs start that it is about, if it is about runs."""
