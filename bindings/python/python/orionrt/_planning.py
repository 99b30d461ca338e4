"""The functions of the package: what they take from Python, in the form that is native."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from . import _native
from ._native import Cancel, Lifetimes, Model, Plan, Progress, SharedPlan
from ._tables import lifetimes_of
from ._types import (
    Aliasing,
    LifetimesLike,
    ModelLike,
    Schedule,
    Serializable,
    plain_schedule,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer


def plan(
    lifetimes: LifetimesLike,
    /,
    *,
    capacity: int | None = None,
    alignment: int = 1,
    time_limit: float | None = None,
    nodes: int | None = None,
    threads: int = 1,
    seed: int = 0,
    strategy: str = "auto",
    keep: Plan | None = None,
    start_from: Plan | None = None,
    cancel: Cancel | None = None,
    progress: Callable[[Progress], object] | None = None,
    on_interrupt: Literal["best", "raise"] = "best",
) -> Plan:
    """Place tensors in one region of memory, with a peak as low as can be found.

    `lifetimes` says when each tensor is alive and how many bytes it needs:

    - rows `(name, lower, upper, size[, alignment])`, or mappings with these keys and optionally
      `gaps` (steps at which the bytes are not needed, as pairs), `windows` (steps at which only
      some bytes are needed, as `(lower, upper, first, end)`), `fixed_offset`, and `within` (the
      name of another row and an offset in its bytes);
    - columns `lower`, `upper`, `size` and optionally `alignment`, `fixed_offset` (null or
      negative: none) and `name`: a dictionary, a structured array of NumPy, a table of pandas,
      polars or pyarrow. Without names, tensors are called "0", "1", ...;
    - the path of a CSV file; of one with several devices, `Lifetimes.read(path, device="gpu0")`;
    - `Lifetimes`, or a `Plan`, whose lifetimes are planned anew;
    - a `Recording`, a `Model`, or a `Graph`, with the views and the results in place that it
      declares, which `graph.lifetimes(aliasing="off")` leaves out.

    Steps are positions in the order of execution, and a tensor is alive in `lower..upper`, without
    `upper`. Sizes, alignments and offsets are in bytes.

    Keyword arguments:

    - `capacity`: stop at the first plan within so many bytes; if there is none, a `CapacityError`
      has the best plan;
    - `alignment`: the least alignment of every offset in bytes, a power of two;
    - `time_limit`: seconds; 1 unless `nodes` is given; `math.inf` for a search without a limit;
    - `nodes`: limits the search by its work, so that equal seeds give equal plans;
    - `threads`, `seed`, `strategy` (see `strategies()`);
    - `keep`: a plan whose tensors stay where they are; `start_from`: a plan to improve;
    - `cancel`: a `Cancel` that ends the search from another thread;
    - `progress`: called every 50 ms, once a lower bound is known, with a `Progress`, which has the
      seconds that have passed, the best peak so far, and that bound; the search ends when it
      returns `False`;
    - `on_interrupt`: whether the first Ctrl-C gives the `"best"` plan until then, or ends the
      search to `"raise"` the `KeyboardInterrupt`. The second one is raised always.

    A search that is ended early returns the best plan until then, of which `interrupted` is true.
    Ctrl-C ends searches on the main thread only, as Python handles signals there. The interpreter's
    lock is free during the search.
    """
    limits = _native.Limits(
        capacity=capacity,
        alignment=alignment,
        time_limit=time_limit,
        nodes=nodes,
        threads=threads,
        seed=seed,
        strategy=strategy,
        keep=keep,
        start_from=start_from,
        cancel=cancel,
        progress=progress,
        on_interrupt=on_interrupt,
    )
    return _native.plan(lifetimes_of(lifetimes), limits)


def read_model(
    model: ModelLike,
    /,
    *,
    dims: Mapping[str, int] | None = None,
    inputs: Mapping[str, Sequence[int] | Sequence[float] | Sequence[bool]] | None = None,
    aliasing: Aliasing = "off",
    order: Literal["file", "memory"] | Sequence[str] = "file",
    alignment: int | None = None,
    unknown: Literal["refuse", "skip"] = "refuse",
    micro: bool = False,
    donate: Literal["all"] | Sequence[str] = (),
    same: Mapping[str, str] | None = None,
) -> Model:
    """Read an ONNX or TensorFlow Lite model: its lifetimes, without its weights.

    - `dims`: sizes of symbolic dimensions, and upper bounds of those that depend on data; see
      `dimensions(model)`;
    - `inputs`: values of inputs that decide shapes, as flat sequences;
    - `aliasing`: which bytes the executor shares: none, those of `"views"`, also those of results
      `"in-place"`, or also those of operands within the results of concatenations, which are
      their `"parts"`; a file does not say it, so none unless it is given;
    - `order`: that of the `"file"`, the one that needs least `"memory"`, or a list of names;
    - `alignment`: of every tensor in bytes, 64 unless it is given (16 with `micro`);
    - `unknown`: whether tensors of unknown size are refused or left out;
    - `micro`: plan what TensorFlow Lite Micro places at given offsets;
    - `donate`: inputs whose bytes are given up, so that results in place may be written over them,
      or `"all"`; needs `aliasing="in-place"` or `"parts"`;
    - `same`: for an output the input that it is the new value of, as `{"present.0": "past.0"}` of a
      key-value cache: both have the same bytes, whatever the aliasing.
    """
    return _native.read_model(
        _source(model),
        dims=dict(dims or {}),
        inputs={name: _plain(values) for name, values in (inputs or {}).items()},
        aliasing=aliasing,
        order=order if isinstance(order, str) else list(order),
        alignment=alignment,
        unknown=unknown,
        micro=micro,
        donate=None if donate == "all" else _names(donate),
        same=dict(same or {}),
    )


def plan_model(
    model: ModelLike,
    /,
    *,
    dims: Mapping[str, int] | None = None,
    inputs: Mapping[str, Sequence[int] | Sequence[float] | Sequence[bool]] | None = None,
    aliasing: Aliasing = "off",
    order: Literal["file", "memory"] | Sequence[str] = "file",
    unknown: Literal["refuse", "skip"] = "refuse",
    micro: bool = False,
    donate: Literal["all"] | Sequence[str] = (),
    same: Mapping[str, str] | None = None,
    alignment: int | None = None,
    capacity: int | None = None,
    time_limit: float | None = None,
    nodes: int | None = None,
    threads: int = 1,
    seed: int = 0,
    strategy: str = "auto",
    keep: Plan | None = None,
    start_from: Plan | None = None,
    cancel: Cancel | None = None,
    progress: Callable[[Progress], object] | None = None,
    on_interrupt: Literal["best", "raise"] = "best",
) -> Plan:
    """Plan an ONNX or TensorFlow Lite model: `read_model`, then `plan`.

    Arguments are those of both; `alignment` is that of `read_model`. `plan.model` has the facts
    about the file. With `aliasing="parts"` the plan has the parts; the command `orionrt plan` also
    plans without them, and keeps the lower peak.
    """
    read = read_model(
        model,
        dims=dims,
        inputs=inputs,
        aliasing=aliasing,
        order=order,
        alignment=alignment,
        unknown=unknown,
        micro=micro,
        donate=donate,
        same=same,
    )
    limits = _native.Limits(
        capacity=capacity,
        alignment=1 if alignment is None else alignment,
        time_limit=time_limit,
        nodes=nodes,
        threads=threads,
        seed=seed,
        strategy=strategy,
        keep=keep,
        start_from=start_from,
        cancel=cancel,
        progress=progress,
        on_interrupt=on_interrupt,
    )
    return _native.plan(read.lifetimes, limits, read)


def dimensions(model: ModelLike, /) -> list[tuple[str, list[str], int | None, bool]]:
    """The symbolic dimensions of a model: the name, the places where it occurs, the size that is
    assumed if none is given, and whether what is given is an upper bound."""
    return _native.dimensions(_source(model))


def check(
    lifetimes: LifetimesLike,
    offsets: "Buffer | Sequence[int] | Mapping[str, int] | Plan",
    /,
) -> Plan:
    """Accept offsets in bytes if they make a plan; raise a `PlanError` if they do not.

    `offsets` has one for each tensor in order, or for each name; those of a `Plan` go by name.
    """
    rows = lifetimes_of(lifetimes)
    if isinstance(offsets, Mapping):
        offsets = _in_order(rows, offsets)
    return _native.check(rows, offsets)


def load(path: str | os.PathLike[str], /) -> Plan:
    """Read a plan from a file and check it: CSV if its name ends in `.csv`, otherwise JSON.

    `Plan.save` says what a file does not have.
    """
    return _native.load(path)


def share(
    models: Mapping[str, LifetimesLike],
    /,
    *,
    schedule: Schedule = "one-at-a-time",
    alignment: int = 1,
    capacity: int | None = None,
    time_limit: float | None = None,
    nodes: int | None = None,
    threads: int = 1,
    seed: int = 0,
    strategy: str = "auto",
    keep: Plan | None = None,
    start_from: Plan | None = None,
    cancel: Cancel | None = None,
    progress: Callable[[Progress], object] | None = None,
    on_interrupt: Literal["best", "raise"] = "best",
) -> SharedPlan:
    """Plan several models in one region.

    `schedule` says which of them may run at the same time: none, all `"together"`, those of these
    pairs of names, or what follows from the steps of a common clock at which each starts:
    `{"a": [0, 20], "b": [10]}`. The other arguments are those of `plan`.
    """
    rows = [(name, lifetimes_of(model)) for name, model in models.items()]
    limits = _native.Limits(
        capacity=capacity,
        alignment=alignment,
        time_limit=time_limit,
        nodes=nodes,
        threads=threads,
        seed=seed,
        strategy=strategy,
        keep=keep,
        start_from=start_from,
        cancel=cancel,
        progress=progress,
        on_interrupt=on_interrupt,
    )
    return _native.share(rows, plain_schedule(schedule), limits)


def strategies() -> list[str]:
    """The names of all strategies, the default first."""
    return _native.strategies()


def _plain(values: Any) -> list[Any]:
    """The elements as numbers of Python, also of an array."""
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _names(names: Sequence[str]) -> list[str]:
    """Names, of which a single one need not be in a list."""
    return [names] if isinstance(names, str) else list(names)


def _source(model: ModelLike) -> Any:
    return model.SerializeToString() if isinstance(model, Serializable) else model


def _in_order(rows: Lifetimes, offsets: Mapping[str, int] | Plan) -> list[int]:
    if isinstance(offsets, Plan):
        offsets = dict(zip(offsets, offsets.offsets.tolist()))
    names = rows.names
    if len(offsets) != len(names):
        # The native check says how many there should be.
        return list(offsets.values())
    return [offsets[name] for name in names]
