"""Memory planning for ExecuTorch: an algorithm for its `MemoryPlanningPass`.

ExecuTorch (https://github.com/pytorch/executorch) asks an algorithm where the tensors of a program
lie, and takes the best of those that it is given::

    from executorch.exir import ExecutorchBackendConfig
    from executorch.exir.memory_planning import MemoryPlanningAlgorithmSuite, greedy
    from executorch.exir.passes import MemoryPlanningPass
    from orionrt.executorch import memory_planning

    suite = MemoryPlanningAlgorithmSuite([greedy, memory_planning])
    config = ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(suite))
    program = edge_program.to_executorch(config)

The algorithm has the interface of `greedy` and its conventions: tensors without a `mem_id` go to
memory 1, sizes are rounded up to the alignment, what control-flow submodules need lies below
everything else, a tensor that is stored in another one, as a result in place is, lies within its
bytes, and padding is added to each memory. It does not have `allow_overlapping_allocations=False`,
which the Vulkan backend asks for.

`functools.partial(memory_planning, nodes=100_000)` makes equal plans on every machine; a search
that is limited by time may find a better plan on a faster one.

This module does not import ExecuTorch before a program is planned.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import orionrt

__all__ = ["GraphModule", "MemoryAlgoResult", "TensorSpec", "memory_planning"]

_DEFAULT_MEMORY = 1


class TensorSpec(Protocol):
    """What is used of `executorch.exir.tensor.TensorSpec`."""

    lifetime: Sequence[int | None]
    """The first and the last node at which the tensor is alive."""
    mem_id: int | None
    """The memory in which it is to lie."""

    @property
    def allocated_memory(self) -> int:
        """Its bytes, rounded up to the alignment."""
        ...

    def realign(self, new_alignment: int) -> int:
        """Sets the alignment."""
        ...


class GraphModule(Protocol):
    """A `torch.fx.GraphModule`.

    Its attribute `input_mem_buffer_sizes`, if there is one, says for each memory how many bytes at
    its beginning belong to submodules.
    """


class MemoryAlgoResult(Protocol):
    """What is given back: `executorch.exir.memory_planning.MemoryAlgoResult`."""

    spec_dict: dict[Any, Any]
    """The place of each tensor: a `SpecAllocResult`."""
    bufsizes: list[int]
    """The bytes of each memory; that of constants, which is the first, has none here."""


def memory_planning(
    alignment: int,
    specs: Iterable[TensorSpec],
    graph_module: GraphModule,
    graph_signature: object,
    extra_padding: int = 0,
    *,
    time_limit: float | None = None,
    nodes: int | None = None,
    threads: int = 1,
) -> MemoryAlgoResult:
    """Places the tensors of a graph so that each memory is as small as can be found.

    Args:
        alignment: What offsets and sizes are multiples of, in bytes.
        specs: The tensors, with their lifetimes.
        graph_module: The graph; what its submodules need is read from it.
        graph_signature: Not used; the pass hands it over.
        extra_padding: Bytes to add to each memory.
        time_limit: How long the search may take for each memory, in seconds; 1 unless `nodes` is
            given.
        nodes: How far the search may go, in tensors tried at an offset. With this limit alone,
            equal inputs give equal plans.
        threads: The number of threads that search.

    Raises:
        ValueError: If a tensor has no lifetime, is stored in one that is not planned, or would not
            be aligned there.
    """
    groups = _groups(specs, alignment)
    reserved: list[int] = list(getattr(graph_module, "input_mem_buffer_sizes", None) or [])
    memories = sorted({group.memory for group in groups})
    count = max([_DEFAULT_MEMORY, len(reserved) - 1, *memories]) + 1
    sizes = (reserved + [0] * count)[:count]
    exir = importlib.import_module("executorch.exir.memory_planning")
    places: dict[TensorSpec, Any] = {}
    for memory in memories:
        members = [group for group in groups if group.memory == memory]
        start = -(-sizes[memory] // alignment)
        rows = [group.row(str(index), alignment) for index, group in enumerate(members)]
        plan = orionrt.plan(
            rows, time_limit=time_limit, nodes=nodes, threads=threads, on_interrupt="raise"
        )
        offsets = plan.offsets.tolist()
        objects = _objects(members, offsets, alignment)
        for group, offset, number in zip(members, offsets, objects):
            base = (start + offset) * alignment
            for spec, within in group.specs.items():
                places[spec] = exir.SpecAllocResult(memory, number, base + within)
        end = max((offset + group.units(alignment) for group, offset in zip(members, offsets)))
        sizes[memory] = (start + end) * alignment + extra_padding
    result: MemoryAlgoResult = exir.MemoryAlgoResult(places, sizes)
    return result


class _Group:
    """Tensors that are placed as one: a base, and those that are stored in it."""

    def __init__(self, base: TensorSpec) -> None:
        self.specs = {base: 0}
        """Where in the group each tensor begins, in bytes."""
        self.memory = _DEFAULT_MEMORY if base.mem_id is None else base.mem_id

    def units(self, alignment: int) -> int:
        """The size, in multiples of the alignment."""
        ends = (within + spec.allocated_memory for spec, within in self.specs.items())
        return max(-(-end // alignment) for end in ends)

    def row(self, name: str, alignment: int) -> tuple[str, int, int, int]:
        """The lifetime and the size as the planner takes them."""
        lifetimes = [_lifetime(spec) for spec in self.specs]
        first = min(first for first, _ in lifetimes)
        last = max(last for _, last in lifetimes)
        return name, first, last + 1, self.units(alignment)


def _lifetime(spec: TensorSpec) -> tuple[int, int]:
    first, last = spec.lifetime
    if first is None or last is None:
        raise ValueError(f"{spec!r} has the lifetime {spec.lifetime}, expected two node numbers")
    return first, max(first, last)


def _groups(specs: Iterable[TensorSpec], alignment: int) -> list[_Group]:
    """The tensors that have offsets of their own, in an order that a set does not change."""
    all_specs = list(dict.fromkeys(specs))
    for spec in all_specs:
        spec.realign(alignment)
    known = set(all_specs)
    groups = {spec: _Group(spec) for spec in all_specs if _base(spec) is None}
    for spec in all_specs:
        root, within, steps = spec, 0, 0
        while (base := _base(root)) is not None:
            root, offset = base
            within, steps = within + offset, steps + 1
            if root not in known or steps > len(all_specs):
                raise ValueError(f"{spec!r} is stored in {root!r}, expected a planned tensor")
        if within % alignment:
            raise ValueError(
                f"{spec!r} is stored at byte {within} of {root!r}, "
                f"expected a multiple of {alignment}"
            )
        groups[root].specs[spec] = within

    def key(group: _Group) -> tuple[int, int, int]:
        _, lower, upper, units = group.row("", alignment)
        return lower, upper, -units

    return sorted(groups.values(), key=key)


def _base(spec: TensorSpec) -> tuple[TensorSpec, int] | None:
    """The tensor that this one is stored in, and at which of its bytes; versions of ExecuTorch
    before 1.5 have results in place alone, or none of it."""
    stored: TensorSpec | None = getattr(spec, "storage_base", None)
    if stored is not None:
        return stored, int(getattr(spec, "storage_base_offset", 0))
    in_place: TensorSpec | None = getattr(spec, "inplace_base", None)
    return None if in_place is None else (in_place, 0)


def _objects(groups: list[_Group], offsets: list[int], alignment: int) -> list[int]:
    """Numbers of objects: tensors that share bytes at different times have the same one."""
    numbers = [0] * len(groups)
    number, end = -1, 0
    for index in sorted(range(len(groups)), key=lambda index: offsets[index]):
        if number < 0 or offsets[index] >= end:
            number += 1
        numbers[index] = number
        end = max(end, offsets[index] + groups[index].units(alignment))
    return numbers
