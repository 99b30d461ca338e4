"""Recordings of each form as columns, their statistics, and plans of their lifetimes."""

import copy
import gc
import json
import pickle
import random
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import orionrt


def events_of(recording: orionrt.Recording) -> list[tuple[Any, ...]]:
    return list(zip(recording["step"], recording["kind"], recording["size"], strict=True))


def trace(path: Path, events: list[tuple[str, int, int, int, int]]) -> Path:
    """A recording of `ReplayAlloc`: kinds, times, threads, addresses and sizes."""
    names = ("kind", "time_ns", "thread", "address", "size")
    rows = [dict(zip(names, event, strict=True), alignment=16) for event in events]
    file = {"format": "orionrt-trace", "version": 1, "lost": 0, "lanes": [], "events": rows}
    path.write_text(json.dumps(file))
    return path


def test_a_recording_of_replay_alloc(tmp_path: Path) -> None:
    path = trace(
        tmp_path / "recording.json",
        [
            ("allocate", 10, 7, 0x5000, 100),
            ("allocate", 20, 8, 0x9000, 50),
            ("resize", 30, 7, 0x5000, 100),
            ("resized", 31, 7, 0xF000, 6000),
            ("free", 40, 8, 0x9000, 50),
            ("free", 50, 8, 0xF000, 6000),
        ],
    )
    recording = orionrt.read_recording(path)
    assert recording.form == "orionrt" and repr(recording).startswith("<Recording: 6 events")
    kinds = ["allocate", "allocate", "resize", "resized", "free", "free"]
    assert recording["kind"] == kinds
    assert recording["time_ns"] == [10, 20, 30, 31, 40, 50]
    assert recording["thread"] == [7, 8, 7, 7, 8, 8]
    assert recording["address"] == [0x5000, 0x9000, 0x5000, 0xF000, 0x9000, 0xF000]
    assert recording["alignment"] == [16] * 6 and "stream" not in recording
    statistics = orionrt.heap_statistics(recording)
    assert statistics["live_bytes"] == [100, 150, 6050, 6000, 0]
    assert statistics["live_blocks"] == [1, 2, 2, 1, 0]
    assert statistics["reserved_bytes"] == [4096, 8192, 12288, 8192, 0]
    assert statistics["time_ns"] == [10, 20, 31, 40, 50]
    assert statistics["fragmentation"][2] == 1 - 6050 / 12288
    assert (statistics.peak_live_bytes, statistics.peak_reserved_bytes) == (6050, 12288)
    lifetimes = recording.lifetimes()
    assert lifetimes.names == ["r0", "lane1.r0"] and lifetimes.size == [6000, 50]
    assert orionrt.plan(recording).peak == 6050
    assert recording.lifetimes(alignment=64).alignment == [64, 64]


def process(path: Path, events: list[tuple[int, int, int, int, int]]) -> Path:
    """A recording of a process: ticks, kinds, alignments, addresses and sizes, of one thread."""
    unit, units = 4096, 16
    words = [int.from_bytes(b"ORIONREC", sys.byteorder), 2, 7, 0, 0, units, 1]
    file = struct.pack(f"={len(words)}Q", *words).ljust(units * unit, b"\0")
    encoded = [
        (ticks << 10 | (alignment.bit_length() - 1) << 4 | kind, address, size)
        for ticks, kind, alignment, address, size in events
    ]
    chunk = [1, 3 * len(events), 1, *(word for event in encoded for word in event)]
    path.write_bytes(file + struct.pack(f"={len(chunk)}Q", *chunk).ljust(unit, b"\0"))
    return path


def test_a_recording_of_a_process(tmp_path: Path) -> None:
    path = process(
        tmp_path / "orionrt.rec",
        [
            (10, 1, 64, 0x5000, 100),
            (20, 1, 16, 0x9000, 50),
            (30, 3, 1, 0x5000, 6000),
            (31, 4, 1, 0xF000, 6000),
            (40, 2, 1, 0x9000, 0),
        ],
    )
    recording = orionrt.read_recording(path)
    assert recording.form == "process"
    assert recording["kind"] == ["allocate", "allocate", "resize", "resized", "free"]
    assert recording["size"] == [100, 50, 100, 6000, 50]
    assert recording["time_ns"] == [10, 20, 30, 31, 40]
    assert recording["alignment"] == [64, 16, 64, 16, 16]
    statistics = orionrt.heap_statistics(recording)
    assert statistics["live_bytes"] == [100, 150, 6050, 6000]
    assert orionrt.plan(recording).peak == 6050
    with pytest.raises(orionrt.FileError, match="expected 69632"):
        path.write_bytes(path.read_bytes()[:-1])
        orionrt.read_recording(path)


def test_live_bytes_are_those_of_a_program_in_python(tmp_path: Path) -> None:
    chance = random.Random(5)
    alive: dict[int, int] = {}
    events: list[tuple[str, int, int, int, int]] = []
    expected: list[int] = []
    for time in range(400):
        address = 64 * chance.randrange(1, 200)
        if address in alive:
            events.append(("free", time, 1, address, alive.pop(address)))
        else:
            alive[address] = chance.randrange(1, 64)
            events.append(("allocate", time, 1, address, alive[address]))
        expected.append(sum(alive.values()))
    statistics = orionrt.heap_statistics(
        orionrt.read_recording(trace(tmp_path / "recording.json", events))
    )
    assert statistics["step"] == list(range(400)) and statistics["live_bytes"] == expected


SNAPSHOT: dict[str, Any] = {
    "segments": [
        {
            "device": 0,
            "address": 0x1000,
            "total_size": 4096,
            "stream": 0,
            "blocks": [{"address": 0x1000, "size": 512, "state": "active_allocated",
                        "requested_size": 500},
                       {"address": 0x1200, "size": 3584, "state": "inactive"}],
        }
    ],
    "device_traces": [
        [
            {"action": "alloc", "addr": 0x1200, "size": 512, "stream": 3, "time_us": 100},
            {"action": "free_requested", "addr": 0x1200, "size": 512, "stream": 3, "time_us": 200},
            {"action": "free_completed", "addr": 0x1200, "size": 512, "stream": 3, "time_us": 250},
        ],
        [{"action": "alloc", "addr": 0x9000, "size": 64, "stream": 0, "time_us": 1}],
    ],
}


@pytest.mark.parametrize("form", ["pickle", "json"])
def test_a_memory_snapshot_of_pytorch(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"snapshot.{form}"
    path.write_bytes(
        pickle.dumps(SNAPSHOT) if form == "pickle" else json.dumps(SNAPSHOT).encode()
    )
    recording = orionrt.read_recording(path)
    assert recording.form == "pytorch"
    # The block of 500 bytes was there before the first event, and outlives the last one.
    assert events_of(recording) == [(0, "allocate", 500), (1, "allocate", 512), (3, "free", 512)]
    assert recording["time_ns"] == [100_000, 100_000, 250_000]
    assert recording["address"] == [0x1000, 0x1200, 0x1200] and recording["stream"] == [0, 3, 3]
    assert "thread" not in recording and "alignment" not in recording
    statistics = orionrt.heap_statistics(recording)
    assert statistics["live_bytes"] == [500, 1012, 500]
    assert statistics["reserved_bytes"] == [4096, 4096, 4096]
    assert orionrt.plan(recording).peak == 512 + 500 and orionrt.plan(recording).alignment == 512
    other = orionrt.read_recording(path, device=1)
    assert events_of(other) == [(1, "allocate", 64)]
    with pytest.raises(orionrt.DeviceError, match="there is no device '2'") as refused:
        orionrt.read_recording(path, device=2)
    assert (refused.value.device, refused.value.devices) == ("2", ["0", "1"])
    assert "--" not in str(refused.value)


HEAPTRACK = """v 10400 3
X program
I 1000 10
s 4 main
i 10 0 1
t 1 0
a 64 1
a 8 1
c 5
+ 0
+ 1
c a
- 0
- 0
+ 1
"""


def test_a_recording_of_heaptrack(tmp_path: Path) -> None:
    path = tmp_path / "heaptrack.txt"
    path.write_text(HEAPTRACK)
    recording = orionrt.read_recording(path)
    assert recording.form == "heaptrack" and "address" not in recording
    # The second free is of a block that the recording does not have.
    assert events_of(recording) == [
        (1, "allocate", 100), (2, "allocate", 8), (3, "free", 100), (5, "allocate", 8)
    ]
    assert recording["time_ns"] == [5_000_000, 5_000_000, 10_000_000, 10_000_000]
    statistics = orionrt.heap_statistics(recording)
    assert statistics["live_bytes"] == [100, 108, 8, 16]
    assert statistics.peak_reserved_bytes is None and "fragmentation" not in statistics
    assert recording.lifetimes().alignment == [16, 16, 16]


def test_csv_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,lower,upper,size,alignment\na,-2,2,10,1\nb,1,3,20,4\n")
    recording = orionrt.read_recording(str(path))
    assert recording.form == "csv" and "time_ns" not in recording
    assert recording["step"] == [-2, 1, 2, 3] and recording["alignment"] == [1, 4, 1, 4]
    assert np.asarray(recording["size"]).dtype == np.uint64
    assert orionrt.plan(recording) == orionrt.plan(path)
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(recording)
    assert table["size"].dtype == np.uint64 and table["step"].dtype == np.int64
    assert table["kind"].tolist() == ["allocate", "allocate", "free", "free"]
    live = pandas.DataFrame(orionrt.heap_statistics(recording))
    assert live["live_bytes"].tolist() == [10, 30, 20, 0]


def test_polars_and_pyarrow_take_columns_without_a_copy(tmp_path: Path) -> None:
    events = [("allocate", 0, 1, 2**63, 4096), ("free", 9, 1, 2**63, 4096)]
    recording = orionrt.read_recording(trace(tmp_path / "recording.json", events))
    polars: Any = pytest.importorskip("polars")
    table = polars.DataFrame(recording)
    assert table.schema["step"] == polars.Int64 and table.schema["address"] == polars.UInt64
    assert table["address"].to_list() == [2**63, 2**63]
    assert table["kind"].to_list() == ["allocate", "free"]
    live = polars.DataFrame(orionrt.heap_statistics(recording))
    assert live["live_bytes"].to_list() == [4096, 0]
    assert live["fragmentation"].to_list() == [0, 0]
    pyarrow: Any = pytest.importorskip("pyarrow")
    column = orionrt.plan([("a", 0, 1, 8), ("b", 0, 1, 16)]).lifetimes.size
    shared = pyarrow.array(column)
    assert shared.type == pyarrow.uint64() and shared.null_count == 0
    where = np.asarray(column).__array_interface__["data"][0]
    assert shared.buffers()[1].address == where
    del column
    gc.collect()
    assert shared.to_pylist() == [8, 16]
    # A capsule that nobody reads frees what it holds.
    orionrt.Lifetimes.from_rows([("a", 0, 1, 8)]).size.__arrow_c_array__()
    none = pyarrow.array(orionrt.Lifetimes.from_rows([]).lower)
    assert none.to_pylist() == [] and none.type == pyarrow.int64()


def test_recordings_and_their_statistics_are_pickled(tmp_path: Path) -> None:
    path = tmp_path / "heaptrack.txt"
    path.write_text(HEAPTRACK)
    events = [("allocate", 0, 1, 4096, 100), ("free", 9, 1, 4096, 100)]
    for file in (path, trace(tmp_path / "recording.json", events)):
        recording = orionrt.read_recording(file)
        for again in (pickle.loads(pickle.dumps(recording)), copy.deepcopy(recording)):
            assert isinstance(again, orionrt.Recording) and again == recording
            assert again.form == recording.form and list(again) == list(recording)
            assert isinstance(again["size"], orionrt.Column)
            for alignment in (None, 1, 4096):
                assert again.lifetimes(alignment=alignment) == recording.lifetimes(
                    alignment=alignment
                )
            assert orionrt.plan(again) == orionrt.plan(recording)
            statistics = orionrt.heap_statistics(recording)
            assert orionrt.heap_statistics(again) == statistics
            assert pickle.loads(pickle.dumps(statistics)) == statistics
            assert repr(again) == repr(recording)


def test_a_wrong_alignment_is_named(tmp_path: Path) -> None:
    path = tmp_path / "heaptrack.txt"
    path.write_text(HEAPTRACK)
    recording = orionrt.read_recording(path)
    assert recording.lifetimes(alignment=64).alignment == [64, 64, 64]
    for ask in (
        lambda alignment: recording.lifetimes(alignment=alignment),
        recording.lifetimes().with_alignment,
        lambda alignment: orionrt.read_model(b"", alignment=alignment),
        lambda alignment: orionrt.plan_model(b"", alignment=alignment),
    ):
        with pytest.raises(ValueError, match="^alignment is 3, expected a power of two$"):
            ask(3)
        with pytest.raises(ValueError, match="^alignment is -4, expected a number of bytes"):
            ask(-4)
        with pytest.raises(TypeError, match="^alignment is 'big', expected a number of bytes"):
            ask("big")


@pytest.mark.parametrize(
    ("name", "content", "line", "column"),
    [
        ("a.json", '{"format": "orionrt-trace",\n "version": x', 2, 13),
        ("b.csv", "id,lower,upper,size\na,0,x,1\n", 2, None),
        ("d.json", '{"segments": [\n\n 5 6]}', 3, 4),
        ("f.json", '{"segments": 5}', None, None),
    ],
)
def test_mistakes_in_files_have_their_places(
    tmp_path: Path, name: str, content: str, line: int | None, column: int | None
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(orionrt.FileError) as refused:
        orionrt.read_recording(tmp_path / name)
    assert (refused.value.line, refused.value.column) == (line, column)
    again = pickle.loads(pickle.dumps(refused.value))
    assert (again.line, again.column) == (line, column)


def test_columns_become_arrays_of_any_type() -> None:
    column = orionrt.plan([("a", 0, 1, 8), ("b", 0, 1, 16)]).lifetimes.size
    assert column.__array__(np.dtype("f4")).dtype == np.float32
    shared, copied = column.__array__(copy=False), column.__array__(copy=True)
    assert np.shares_memory(shared, np.asarray(column)) and not np.shares_memory(shared, copied)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        orionrt.read_recording(tmp_path / "none.json")
    assert missing.value.filename == str(tmp_path / "none.json")
    for name, content, text in [
        ("a.json", '{"format": "orionrt-trace"}', "expected what Recording::write_json writes"),
        ("b.csv", "id,lower,upper,size\na,0,x,1\n", "upper is 'x'"),
        ("c.txt", HEAPTRACK.replace("+ 1", "+ 9"), "line 11 of the recording"),
        ("d.json", '{"segments": 5}', "segments of the snapshot is 5, expected a list"),
        ("e.onnx", "no model", "this is a model, expected a recording"),
    ]:
        (tmp_path / name).write_text(content)
        with pytest.raises(orionrt.FileError, match=text) as refused:
            orionrt.read_recording(tmp_path / name)
        assert refused.value.path == tmp_path / name
        assert (refused.value.line == 11) == (name == "c.txt")
    (tmp_path / "rows.csv").write_text("id,lower,upper,size\na,0,1,1\n")
    with pytest.raises(orionrt.DeviceError, match="names no devices") as unknown:
        orionrt.read_recording(tmp_path / "rows.csv", device=0)
    assert unknown.value.devices == [] and unknown.value.path == tmp_path / "rows.csv"


DEVICES = "id,lower,upper,size,device\na,0,2,10,gpu0\nb,0,2,20,gpu1\nc,2,3,10,gpu0\n"


def test_devices_of_a_file_are_never_planned_as_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(DEVICES)
    for read in (orionrt.plan, orionrt.Lifetimes.read, orionrt.read_recording):
        with pytest.raises(orionrt.DeviceError, match="several devices.*gpu0, gpu1") as refused:
            read(path)
        assert (refused.value.device, refused.value.devices) == (None, ["gpu0", "gpu1"])
        assert refused.value.path == path
    lifetimes = orionrt.Lifetimes.read(path, device="gpu0")
    assert lifetimes.names == ["a", "c"] and orionrt.plan(lifetimes).peak == 10
    recording = orionrt.read_recording(path, device="gpu1")
    assert events_of(recording) == [(0, "allocate", 20), (2, "free", 20)]
    with pytest.raises(orionrt.DeviceError, match="no device 'gpu2', expected one of: gpu0, gpu1"):
        orionrt.Lifetimes.read(path, device="gpu2")
    path.write_text(DEVICES.replace("gpu1", "gpu0"))
    assert orionrt.plan(path).peak == 30


def test_what_is_not_planned_of_a_file_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,lower,upper,size,aligment\na,0,1,1,64\n")
    for read in (orionrt.plan, orionrt.Lifetimes.read, orionrt.read_recording):
        with pytest.warns(UserWarning, match="column 'aligment' is not known") as warned:
            read(path)
        assert [warning.filename for warning in warned] == [__file__]
        assert str(path) in str(warned[0].message)
    columns = [f"c{number}" for number in range(30)]
    path.write_text(",".join(["id,lower,upper,size", *columns]) + "\n")
    with pytest.warns(UserWarning) as many:
        orionrt.Lifetimes.read(path)
    assert len(many) == 21 and "10 more" in str(many[20].message)


def test_blocks_end_for_their_gaps(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,lower,upper,size,gaps\na,0,9,10,2-4\nb,2,4,10,\n")
    statistics = orionrt.heap_statistics(orionrt.read_recording(path))
    assert statistics["live_blocks"] == [1, 1, 1, 0]
    assert statistics.peak_live_bytes == orionrt.plan(path).peak == 10


def test_blocks_that_overlap_are_no_less_than_nothing_apart(tmp_path: Path) -> None:
    # The free of the first block was not recorded.
    events = [("allocate", 0, 1, 4096, 4000), ("allocate", 1, 1, 4160, 4000)]
    statistics = orionrt.heap_statistics(
        orionrt.read_recording(trace(tmp_path / "recording.json", events))
    )
    assert statistics["live_bytes"] == [4000, 8000] and statistics["reserved_bytes"] == [4096, 4096]
    assert list(statistics["fragmentation"]) == [1 - 4000 / 4096, 0]


def test_what_is_reserved_is_not_told_where_it_is_not_known(tmp_path: Path) -> None:
    events = [("allocate", 0, 1, 2**64 - 8, 4096), ("free", 2, 1, 2**64 - 8, 4096)]
    statistics = orionrt.heap_statistics(
        orionrt.read_recording(trace(tmp_path / "recording.json", events))
    )
    assert "reserved_bytes" not in statistics and "fragmentation" not in statistics
    assert statistics.peak_reserved_bytes is None
