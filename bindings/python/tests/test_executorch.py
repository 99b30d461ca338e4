"""`orionrt.executorch` on objects of the shape that ExecuTorch's pass hands over.

The modules and classes below are stand-ins: ExecuTorch is not needed. The oracle is what the pass
verifies: two tensors of one memory that are alive at a common node share no byte, unless one is in
place of the other, and tensors that share bytes have one object.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orionrt.executorch import GraphModule, memory_planning


@dataclasses.dataclass
class SpecAllocResult:
    mem_id: int
    mem_obj_id: int
    mem_offset: int


@dataclasses.dataclass
class MemoryAlgoResult:
    spec_dict: dict[Spec, SpecAllocResult]
    bufsizes: list[int]


@dataclasses.dataclass(eq=False)
class Spec:
    nbytes: int
    lifetime: list[int | None]
    mem_id: int | None = None
    inplace_base: Spec | None = None
    storage_base: Spec | None = None
    storage_base_offset: int = 0
    alignment: int = 16

    @property
    def allocated_memory(self) -> int:
        return -(-self.nbytes // self.alignment) * self.alignment

    def realign(self, new_alignment: int) -> int:
        self.alignment = new_alignment
        return self.allocated_memory


class Graph:
    """A graph module; submodules need these bytes of each memory."""

    def __init__(self, *input_mem_buffer_sizes: int) -> None:
        if input_mem_buffer_sizes:
            self.input_mem_buffer_sizes = list(input_mem_buffer_sizes)


@pytest.fixture(autouse=True)
def executorch(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("executorch.exir.memory_planning")
    vars(module).update(SpecAllocResult=SpecAllocResult, MemoryAlgoResult=MemoryAlgoResult)
    for name in ("executorch", "executorch.exir"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)


def planned(
    specs: Iterable[Spec], *, graph: GraphModule | None = None, alignment: int = 16, **more: Any
) -> MemoryAlgoResult:
    result = memory_planning(alignment, specs, graph or Graph(), None, **more)
    assert isinstance(result, MemoryAlgoResult)
    return result


def bases(spec: Spec) -> Iterator[Spec]:
    while (base := spec.storage_base or spec.inplace_base) is not None:
        spec = base
        yield spec


def verify(result: MemoryAlgoResult, specs: Iterable[Spec], alignment: int) -> None:
    places = result.spec_dict
    assert set(places) == set(specs)
    for spec, place in places.items():
        assert place.mem_offset % alignment == 0
        assert place.mem_offset + spec.allocated_memory <= result.bufsizes[place.mem_id]
        for base in itertools.islice(bases(spec), 1):
            assert place.mem_id == places[base].mem_id
            assert place.mem_offset == places[base].mem_offset + spec.storage_base_offset
    for a, b in itertools.combinations(places, 2):
        first, second = places[a], places[b]
        shared = min(
            first.mem_offset + a.allocated_memory, second.mem_offset + b.allocated_memory
        ) - max(first.mem_offset, second.mem_offset)
        if first.mem_id != second.mem_id or shared <= 0:
            continue
        assert first.mem_obj_id == second.mem_obj_id
        in_place = a in bases(b) or b in bases(a) or set(bases(a)) & set(bases(b))
        assert in_place or not meet(a, b)


def meet(a: Spec, b: Spec) -> bool:
    (a0, a1), (b0, b1) = a.lifetime, b.lifetime
    assert a0 is not None and a1 is not None and b0 is not None and b1 is not None
    return a0 <= b1 and b0 <= a1


def test_tensors_share_bytes_at_different_nodes() -> None:
    a, b, c = Spec(100, [0, 1]), Spec(200, [1, 2]), Spec(100, [2, 3])
    result = planned([a, b, c])
    verify(result, [a, b, c], 16)
    assert result.bufsizes == [0, 112 + 208]
    places = result.spec_dict
    assert places[a].mem_offset == places[c].mem_offset
    assert places[a].mem_obj_id == places[c].mem_obj_id != places[b].mem_obj_id


def test_the_last_node_belongs_to_the_lifetime() -> None:
    a, b = Spec(16, [0, 1]), Spec(16, [1, 2])
    assert planned([a, b]).bufsizes == [0, 32]


def test_memories_are_planned_one_by_one() -> None:
    a, b, c = Spec(64, [0, 1]), Spec(32, [0, 1], mem_id=3), Spec(16, [0, 1], mem_id=3)
    result = planned([a, b, c])
    verify(result, [a, b, c], 16)
    assert result.bufsizes == [0, 64, 0, 48]
    assert [result.spec_dict[spec].mem_id for spec in (a, b, c)] == [1, 3, 3]


def test_submodules_keep_the_beginning_of_each_memory() -> None:
    a, b = Spec(64, [0, 1]), Spec(32, [0, 1], mem_id=2)
    result = planned([a, b], graph=Graph(0, 100, 0, 48), alignment=32)
    assert result.spec_dict[a].mem_offset == 128
    assert result.spec_dict[b].mem_offset == 0
    assert result.bufsizes == [0, 128 + 64, 32, 48]


def test_padding_is_added_to_memories_that_are_used() -> None:
    result = planned([Spec(64, [0, 1], mem_id=2)], extra_padding=64)
    assert result.bufsizes == [0, 0, 128]


def test_nothing_to_plan_needs_nothing() -> None:
    assert planned([]).bufsizes == [0, 0]
    assert planned([], graph=Graph(0, 96)).bufsizes == [0, 96]
    empty = Spec(0, [0, 1])
    assert planned([empty]).bufsizes == [0, 0]


def test_a_tensor_in_place_lies_where_its_base_does() -> None:
    base = Spec(64, [0, 2], mem_id=2)
    second = Spec(64, [2, 4], inplace_base=base)
    third = Spec(32, [4, 6], inplace_base=second)
    other = Spec(64, [5, 6], mem_id=2)
    result = planned([third, second, base, other])
    verify(result, [base, second, third, other], 16)
    offsets = [result.spec_dict[spec].mem_offset for spec in (base, second, third, other)]
    assert len(set(offsets[:3])) == 1
    assert offsets[3] != offsets[0], "the last tensor in place is still alive"
    assert {result.spec_dict[spec].mem_id for spec in (second, third)} == {2}


def test_tensors_in_place_of_what_is_not_planned_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a planned tensor"):
        planned([Spec(64, [0, 1], inplace_base=Spec(64, [0, 1]))])
    a = Spec(64, [0, 1])
    a.inplace_base = Spec(64, [0, 1], inplace_base=a)
    with pytest.raises(ValueError, match="expected a planned tensor"):
        planned([a, a.inplace_base])


def test_a_tensor_that_is_stored_in_another_one_lies_within_its_bytes() -> None:
    base = Spec(96, [0, 1], mem_id=2)
    half = Spec(48, [1, 4], storage_base=base, storage_base_offset=48)
    part = Spec(16, [2, 5], storage_base=half, storage_base_offset=16)
    other = Spec(96, [4, 6], mem_id=2)
    result = planned([part, half, base, other])
    verify(result, [base, half, part, other], 16)
    start = result.spec_dict[base].mem_offset
    assert result.spec_dict[part].mem_offset == start + 64
    assert result.bufsizes == [0, 0, 192], "the whole base lives as long as what is stored in it"
    half.storage_base_offset = 40
    with pytest.raises(ValueError, match="stored at byte 40 of .*, expected a multiple of 16"):
        planned([base, half])


def test_a_tensor_without_a_lifetime_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lifetime \[None, None\], expected two node numbers"):
        planned([Spec(64, [None, None])])


def test_the_order_of_a_set_does_not_matter() -> None:
    specs = [Spec(16 * (1 + i * 7 % 61), [i % 13, i % 13 + i % 5]) for i in range(60)]
    plan = functools.partial(planned, nodes=10_000)
    first, second = plan(specs), plan(specs[::-1])
    assert first.bufsizes == second.bufsizes
    assert first.spec_dict == second.spec_dict


SPECS = st.builds(
    lambda size, start, length, memory: Spec(size, [start, start + length], memory),
    st.integers(0, 200),
    st.integers(0, 12),
    st.integers(0, 6),
    st.sampled_from([None, None, 1, 2]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(SPECS, max_size=12), st.sampled_from([1, 16, 48]), st.data())
def test_what_the_pass_verifies_holds(
    specs: list[Spec], alignment: int, data: st.DataObject
) -> None:
    for spec in list(specs):
        if data.draw(st.integers(0, 3)) == 0 and spec.lifetime[1] is not None:
            last = spec.lifetime[1]
            specs.append(Spec(spec.nbytes, [last, last + 2], inplace_base=spec))
        elif data.draw(st.integers(0, 3)) == 0:
            within = alignment * data.draw(st.integers(0, 3))
            size, lifetime = max(spec.nbytes - within, 0), list(spec.lifetime)
            specs.append(
                Spec(size, lifetime, storage_base=spec, storage_base_offset=within)
            )
    result = planned(specs, alignment=alignment, nodes=2_000)
    verify(result, specs, alignment)
    for memory in (1, 2):
        loads = [0]
        for node in range(22):
            alive = [s for s in specs if lies_in(s, memory) and meet(s, Spec(0, [node, node]))]
            loads.append(sum(s.allocated_memory for s in alive if not set(bases(s)) & set(alive)))
        if memory < len(result.bufsizes):
            assert result.bufsizes[memory] >= max(loads)


def lies_in(spec: Spec, memory: int) -> bool:
    base = [spec, *bases(spec)][-1]
    return (base.mem_id or 1) == memory
