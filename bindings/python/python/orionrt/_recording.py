"""Recordings of allocators, and what the allocators held."""

import os
from array import array
from typing import Any, Literal

from . import _native
from ._native import Column, Lifetimes


class Recording(dict[str, Column | list[str]]):
    """The events of an allocator as columns: `pandas.DataFrame(recording)` is a table of them, and
    so is `polars.DataFrame(recording)`.

    - `step`: the position in the recording, on the clock of `lifetimes()`;
    - `time_ns`: nanoseconds on the recording's own clock;
    - `kind`: `"allocate"`, `"free"`, or `"resize"` and `"resized"` before and after a resize;
    - `size`: the bytes of the block, as they were asked for; `alignment`: in bytes;
    - `address`, `thread`, and `stream` of a device.

    `step`, `kind` and `size` are always there, and the others where the recording tells them.
    Blocks that were there before a memory snapshot's first event are allocated at step 0, and those
    that outlive the recording have no event of their end. Of a process, a resize that was refused
    has the size of before in its event `"resized"`.
    """

    def __init__(self, recorded: "_native.Recorded | _Unpickled", /) -> None:
        super().__init__(recorded.columns())
        self._recorded = recorded

    @property
    def form(self) -> Literal["orionrt", "process", "pytorch", "heaptrack", "csv"]:
        """What recorded the events: `ReplayAlloc`, `orionrt record`, PyTorch, heaptrack, or rows of
        lifetimes."""
        return self._recorded.form

    def lifetimes(self, *, alignment: int | None = None) -> Lifetimes:
        """The lifetimes of the blocks, as `orionrt plan` plans them.

        `alignment` is that of every block in bytes: 512 for PyTorch and 16 for heaptrack unless it
        is given, otherwise that of each block.
        """
        if alignment is None:
            return self._recorded.lifetimes()
        return self._recorded.unaligned().with_alignment(alignment)

    def __reduce__(self) -> tuple[Any, ...]:
        return Recording, (_Unpickled(self._recorded, dict(self)),)

    def __repr__(self) -> str:
        return f"<Recording: {len(self['step'])} events of the form {self.form!r}>"


class _Unpickled:
    """What a recording out of a pickle has: the answers of the one that was pickled."""

    def __init__(
        self,
        recorded: "_native.Recorded | _Unpickled",
        columns: dict[str, Column | list[str]],
    ) -> None:
        self.form: Literal[
            "orionrt", "process", "pytorch", "heaptrack", "csv"
        ] = recorded.form
        self._columns, self._usage = columns, recorded.usage()
        self._lifetimes, self._unaligned = recorded.lifetimes(), recorded.unaligned()

    def columns(self) -> dict[str, Column | list[str]]:
        return self._columns

    def usage(self) -> dict[str, Column]:
        return self._usage

    def lifetimes(self) -> Lifetimes:
        return self._lifetimes

    def unaligned(self) -> Lifetimes:
        return self._unaligned


class HeapStatistics(dict[str, "Column | array[float]"]):
    """What an allocator held, as columns with a row for each step at which that changes.

    - `step`, and `time_ns` where the recording tells it;
    - `live_bytes` and `live_blocks`: the blocks that are alive, in bytes as they were asked for;
    - `reserved_bytes`: the memory that they lie in, if addresses are known: PyTorch's segments, or
      for other allocators the memory pages of 4 KiB in which a block has a byte;
    - `fragmentation`: the share of the reserved bytes in which no block is alive; 0 where more
      bytes are alive than reserved, as blocks overlap whose free was not recorded.
    """

    def __init__(self, usage: dict[str, Column], /) -> None:
        super().__init__(usage)
        if "reserved_bytes" in self:
            pairs = zip(self["live_bytes"], self["reserved_bytes"], strict=True)
            shares = (max(0.0, 1 - live / reserved) if reserved else 0.0
                      for live, reserved in pairs)
            self["fragmentation"] = array("d", shares)

    def __reduce__(self) -> tuple[Any, ...]:
        # The shares follow from the other columns.
        return HeapStatistics, ({name: self[name] for name in self if name != "fragmentation"},)

    @property
    def peak_live_bytes(self) -> int:
        """The most bytes alive at once: no plan of all blocks is smaller."""
        return int(max(self["live_bytes"], default=0))

    @property
    def peak_reserved_bytes(self) -> int | None:
        """The most bytes reserved at once, if they are known."""
        reserved = self.get("reserved_bytes")
        return None if reserved is None else int(max(reserved, default=0))

    def __repr__(self) -> str:
        live, reserved = self.peak_live_bytes, self.peak_reserved_bytes
        return f"<HeapStatistics: at most {live} bytes live, {reserved} reserved>"


def read_recording(
    path: str | os.PathLike[str], /, *, device: int | str | None = None
) -> Recording:
    """Read what a program asked of an allocator, in any form that `orionrt plan` reads.

    That is a recording of a process by `orionrt record`, of `ReplayAlloc` (JSON), of heaptrack, a
    memory snapshot of PyTorch (pickle or JSON, without running code), or CSV of lifetimes. `device`
    chooses one of a memory snapshot, where it is the one with the most bytes alive at once unless
    it is given, or one of those that a column `device` of CSV names, where it must be given unless
    there is only one.
    """
    return Recording(_native.read_recording(path, None if device is None else str(device)))


def heap_statistics(recording: Recording, /) -> HeapStatistics:
    """What the allocator of a recording held over time."""
    return HeapStatistics(recording._recorded.usage())
