"""Lifetimes from what Python has: rows, columns, tables, files, models and graphs."""

import os
import warnings
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ._errors import LifetimeError
from ._native import Graph, Lifetimes, Model, Plan
from ._types import LifetimesLike, Row, Table

if TYPE_CHECKING:
    from typing_extensions import Buffer

NAMES = ("name", "id")
NUMBERS = ("lower", "upper", "size", "alignment", "fixed_offset")


def lifetimes_of(source: LifetimesLike) -> Lifetimes:
    """The lifetimes of whatever `orionrt.plan` takes."""
    if isinstance(source, Lifetimes):
        return source
    if isinstance(source, (Model, Plan)):
        return source.lifetimes
    if isinstance(source, Graph):
        return source.lifetimes()
    if isinstance(source, (str, os.PathLike)):
        return Lifetimes.read(source)
    names = column_names(source)
    if names is not None:
        return of_columns(names, cast(Table, source))
    return Lifetimes.from_rows(cast(Iterable[Row], source))


def column_names(source: Any) -> list[str] | None:
    """The names of the columns of a table; `None` for anything else."""
    if isinstance(source, Mapping):
        return [str(name) for name in cast("Mapping[str, Any]", source)]
    fields = getattr(getattr(source, "dtype", None), "names", None)
    if fields:
        return list(fields)
    names = getattr(source, "column_names", None)
    if names is None:
        names = getattr(source, "columns", None)
    return None if names is None else [str(name) for name in names]


def of_columns(names: Sequence[str], table: Any) -> Lifetimes:
    """The lifetimes of a table with these columns."""
    unused = [name for name in names if name not in NAMES + NUMBERS]
    if unused:
        expected = ", ".join(NAMES + NUMBERS)
        text = f"columns without a meaning: {', '.join(unused)}; those that have one: {expected}"
        warnings.warn(text, stacklevel=4)
    for needed in NUMBERS[:3]:
        if needed not in names:
            found = ", ".join(names) or "none"
            error = LifetimeError(f"no column '{needed}', expected one; the columns are {found}")
            error.row, error.name = 0, None
            raise error
    columns = {name: numbers(name, table[name]) for name in NUMBERS if name in names}
    called = next((name for name in NAMES if name in names), None)
    return Lifetimes.from_columns(
        **columns, names=None if called is None else strings(table[called])
    )


def numbers(name: str, column: Any) -> "Buffer":
    """A column of whole numbers as a buffer."""
    if hasattr(column, "to_numpy"):
        column = column.to_numpy()
    if not getattr(getattr(column, "flags", None), "aligned", True):
        # A field of a structured array whose elements lie anywhere.
        column = column.copy()
    try:
        memoryview(column)
    except (TypeError, ValueError, BufferError):
        # Not all types of NumPy have the buffer protocol: dates do not, for one.
        pass
    else:
        return cast("Buffer", column)
    try:
        return array("q", column)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name}: expected whole numbers below 2^63; {error}") from error


def strings(column: Any) -> list[str]:
    """A column of names as a list."""
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(column, method):
            column = getattr(column, method)()
            break
    return [str(name) for name in column]
