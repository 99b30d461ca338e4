"""Planned memory: arrays lie at their offsets, and bytes are lent to one tensor at a time."""

import gc
import threading

import numpy as np
import pytest

import orionrt


@pytest.fixture
def arena() -> orionrt.Arena:
    rows = [("x", 0, 2, 4096), ("y", 1, 3, 4096), ("z", 2, 4, 4096), ("none", 5, 5, 8)]
    return orionrt.Arena(orionrt.plan(rows, alignment=64))


def test_arrays_lie_at_their_offsets(arena: orionrt.Arena) -> None:
    x = arena["x"].view(np.float32).reshape(32, 32)
    y = np.asarray(arena["y"])
    assert (x.dtype, y.dtype, y.nbytes) == (np.float32, np.uint8, 4096)
    for name, array in (("x", x), ("y", y)):
        assert array.ctypes.data == arena.address + arena.plan[name].offset
    x[:] = 1
    y[:] = 2
    assert (x == 1).all() and arena.live == ["x", "y"]
    assert (arena.size, len(arena), "z" in arena) == (8192, 4, True)


def test_bytes_are_lent_until_the_last_view_is_gone(arena: orionrt.Arena) -> None:
    x = arena["x"].view(np.float32)
    part = x[3:].reshape(-1, 1)
    with pytest.raises(orionrt.LeaseError, match="'z' shares bytes with 'x'") as refused:
        arena["z"]
    assert (refused.value.name, refused.value.by, refused.value.id) == ("z", "x", 2)
    with pytest.raises(orionrt.LeaseError, match="'x' is already allocated"):
        arena["x"]
    x[:] = 7
    del x
    gc.collect()
    with pytest.raises(orionrt.LeaseError):
        arena["z"]
    assert part[0, 0] == 7
    del part
    gc.collect()
    assert arena.live == []
    assert arena["z"].view(np.float32)[0] == 7


def test_a_slot_may_be_released(arena: orionrt.Arena) -> None:
    with arena["x"] as slot:
        assert slot.live and len(slot) == slot.nbytes == 4096
        memory = memoryview(slot)
        memory[5] = 9
        with pytest.raises(BufferError, match="'x' has 1 views"):
            slot.release()
        memory.release()
    assert not slot.live and "released" in repr(slot)
    with pytest.raises(BufferError, match="'x' was released"):
        memoryview(slot)
    assert arena["z"].view()[5] == 9


def test_an_exception_of_a_block_comes_out_while_there_are_views(arena: orionrt.Arena) -> None:
    views: list[memoryview] = []
    with pytest.raises(RuntimeError, match="of the block"):
        with arena["x"] as slot:
            views.append(memoryview(slot))
            raise RuntimeError("of the block")
    views[0][5] = 9
    assert slot.live and arena.live == ["x"]
    with pytest.raises(BufferError, match="'x' was released"):
        memoryview(slot)
    with pytest.raises(orionrt.LeaseError):
        arena["z"]
    views.pop().release()
    assert not slot.live and arena.live == []
    assert arena["z"].view()[5] == 9 and "0 are lent" in repr(arena)


def test_arrays_keep_the_memory(arena: orionrt.Arena) -> None:
    x = arena["x"].view(np.int64)
    del arena
    gc.collect()
    x[:] = np.arange(512)
    assert x.sum() == 511 * 256


def test_tensors_without_bytes(arena: orionrt.Arena) -> None:
    with pytest.raises(orionrt.LeaseError, match="'none' is never alive"):
        arena["none"]
    with pytest.raises(KeyError):
        arena["w"]
    empty = orionrt.Arena(orionrt.plan([("a", 0, 1, 0)]))
    assert (empty.size, empty["a"].view().size) == (0, 0)


def test_an_arena_that_the_system_refuses() -> None:
    with pytest.raises(orionrt.ArenaError) as refused:
        orionrt.Arena(orionrt.plan([("a", 0, 1, 2**62)]))
    assert isinstance(refused.value, MemoryError)


def test_threads_never_have_the_same_bytes(arena: orionrt.Arena) -> None:
    faults: list[int] = []

    def work(name: str, value: int) -> None:
        for _ in range(2000):
            try:
                array = arena[name].view()
            except orionrt.LeaseError:
                continue
            array[:] = value
            if not (array == value).all():
                faults.append(value)
            del array

    names = enumerate(["x", "y", "z", "x"])
    threads = [threading.Thread(target=work, args=(name, value)) for value, name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == [] and arena.live == []
