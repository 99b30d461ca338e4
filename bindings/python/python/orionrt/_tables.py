"""Lifetimes from what Python has: rows, columns, tables, files, models and graphs."""

import os
import warnings
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from . import _native
from ._errors import LifetimeError
from ._native import Graph, Lifetimes, Model, Plan
from ._recording import Recording
from ._types import LifetimesLike, Row, Table

if TYPE_CHECKING:
    from typing_extensions import Buffer

NAMES = ("name", "id")
NUMBERS = ("lower", "upper", "size", "alignment", "fixed_offset")
# Columns in which a null, or a negative number, means that the tensor has none.
OPTIONAL = ("fixed_offset",)


def lifetimes_of(source: LifetimesLike) -> Lifetimes:
    """The lifetimes of whatever `orionrt.plan` takes."""
    if isinstance(source, Lifetimes):
        return source
    if isinstance(source, (Model, Plan)):
        return source.lifetimes
    if isinstance(source, (Graph, Recording)):
        return source.lifetimes()
    if isinstance(source, (str, os.PathLike)):
        # Warnings are about the line that calls `plan`, which calls this.
        return _native.read_lifetimes(source, None, 3)
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
            text = f"no column '{needed}', expected one; the columns are {found}"
            raise column_error(0, needed, text)
    columns = {name: numbers(name, table[name]) for name in NUMBERS if name in names}
    called = next((name for name in NAMES if name in names), None)
    return Lifetimes.from_columns(
        **columns, names=None if called is None else strings(called, table[called])
    )


def column_error(row: int, column: str, text: str) -> LifetimeError:
    """A row that is refused because of what a column has there."""
    error = LifetimeError(text)
    error.row, error.name, error.column = row, None, column
    return error


def numbers(name: str, column: Any) -> "Buffer":
    """A column of whole numbers as a buffer."""
    nulls = nulls_of(column)
    if nulls:
        if name not in OPTIONAL:
            raise null_error(nulls, name, "a whole number")
        return without_nulls(name, column, nulls)
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
    return packed(name, column)


def nulls_of(column: Any) -> list[bool]:
    """Which values of a column are missing; an empty list if none is."""
    if isinstance(column, (list, tuple)):
        values = cast("Sequence[Any]", column)
        nulls = [value is None for value in values]
        return nulls if True in nulls else []
    if hasattr(column, "isna"):
        # Of pandas.
        nulls = column.isna()
        return plain(nulls) if nulls.any() else []
    if hasattr(column, "null_count"):
        # Of pyarrow, and of polars.
        count = column.null_count() if callable(column.null_count) else column.null_count
        return plain(column.is_null()) if count else []
    # Of a masked array of NumPy.
    mask = getattr(column, "mask", None)
    return plain(mask) if hasattr(mask, "any") and cast(Any, mask).any() else []


def null_error(nulls: Sequence[bool], name: str, expected: str) -> LifetimeError:
    """The first null of a column that may have none."""
    row = nulls.index(True)
    return column_error(row, name, f"row {row}: {name} is null, expected {expected}")


def without_nulls(name: str, column: Any, nulls: Sequence[bool]) -> "Buffer":
    """A column of whole numbers as a buffer, with negative numbers in the place of nulls.

    Columns of pandas with nulls may have whole numbers as floats.
    """
    values = zip(nulls, plain(column), strict=True)
    whole = (-1 if is_null else int(value) if is_whole(value) else value
             for is_null, value in values)
    return packed(name, whole)


def is_whole(value: object) -> bool:
    """Whether a value is a float without a fraction."""
    return isinstance(value, float) and value.is_integer()


def packed(name: str, values: Iterable[Any]) -> "Buffer":
    """Whole numbers as a buffer."""
    try:
        return array("q", values)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name}: expected whole numbers below 2^63; {error}") from error


def strings(name: str, column: Any) -> list[str]:
    """A column of names as a list."""
    nulls = nulls_of(column)
    if nulls:
        raise null_error(nulls, name, "the name of a tensor")
    return [str(name) for name in plain(column)]


def plain(column: Any) -> list[Any]:
    """The values of a column as a list."""
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(column, method):
            return cast("list[Any]", getattr(column, method)())
    return list(column)
