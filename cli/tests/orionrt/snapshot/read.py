"""Reads a memory snapshot by itself, and checks what PyTorch's viewer takes for granted.

    read.py SNAPSHOT.pickle      prints a JSON object: peak, reserved, and blocks as [name,
                                 operator, first time, end, address less that of the segment, size]

Only lists, dictionaries, texts and numbers are loaded. At no time do two allocated blocks have a
byte in common, all of them lie in the segment, and every event is of a block that it can be of.
"""

import bisect
import json
import pickle
import pickletools
import sys

# The opcodes that the viewer reads.
KNOWN = set(
    "APPEND APPENDS BINFLOAT BINGET BININT BININT1 BININT2 BINPUT BINUNICODE DICT EMPTY_DICT "
    "EMPTY_LIST EMPTY_TUPLE FRAME LIST LONG1 LONG_BINGET LONG_BINPUT MARK MEMOIZE NEWFALSE "
    "NEWTRUE NONE PROTO SETITEM SETITEMS SHORT_BINUNICODE STOP TUPLE TUPLE1 TUPLE2 TUPLE3".split()
)


class Unpickler(pickle.Unpickler):
    """Loads nothing that would run code."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} is asked for")


class Allocated:
    """Blocks that are allocated, by their addresses."""

    def __init__(self, segment, size):
        self.segment, self.size = segment, size
        self.starts, self.blocks = [], {}

    def add(self, event):
        start, end = event["addr"], event["addr"] + event["size"]
        assert event["size"] > 0, event
        assert self.segment <= start and end <= self.segment + self.size, event
        at = bisect.bisect_left(self.starts, start)
        assert at == len(self.starts) or end <= self.starts[at], f"overlaps the next: {event}"
        if at:
            before = self.blocks[self.starts[at - 1]]
            assert before["addr"] + before["size"] <= start, f"overlaps the one before: {event}"
        self.starts.insert(at, start)
        self.blocks[start] = event

    def remove(self, event):
        block = self.blocks.pop(event["addr"])
        assert block["size"] == event["size"], event
        self.starts.pop(bisect.bisect_left(self.starts, event["addr"]))
        return block


def names_of(event):
    """The names of the tensor and of the operator."""
    frames = [(frame["filename"], frame["line"], frame["name"]) for frame in event["frames"]]
    assert frames[0][2] == "tensor" and len(frames) <= 2, event
    return frames[0][0], frames[1][0] if frames[1:] else None


def replay(trace, allocated):
    """The most bytes allocated at once, and all blocks."""
    live, peak, time, blocks, requested = 0, 0, 0, [], None
    for event in trace:
        assert event["stream"] == 0 and event["time_us"] >= time, event
        time = event["time_us"]
        assert requested is None or event["action"] == "free_completed", event
        if event["action"] == "alloc":
            allocated.add(event)
            live += event["size"]
            peak = max(peak, live)
        elif event["action"] == "free_requested":
            requested = event
        elif event["action"] == "free_completed":
            assert event["addr"] == requested["addr"], event
            requested = None
            block = allocated.remove(event)
            live -= event["size"]
            name, operator = names_of(block)
            assert names_of(event)[0] == name, event
            offset = event["addr"] - allocated.segment
            blocks.append([name, operator, block["time_us"], time, offset, event["size"]])
        else:
            raise ValueError(event)
    assert live == 0 and requested is None and not allocated.blocks
    return peak, blocks


def main(path):
    with open(path, "rb") as file:
        for opcode, argument, _ in pickletools.genops(file):
            assert opcode.name in KNOWN, f"the viewer does not read {opcode.name}"
            # It makes floating-point numbers of them.
            assert opcode.name != "LONG1" or abs(argument) < 2**53, argument
        file.seek(0)
        snapshot = Unpickler(file).load()
    (trace,) = snapshot["device_traces"]
    peak, blocks, reserved = 0, [], 0
    if snapshot["segments"]:
        (segment,) = snapshot["segments"]
        reserved = segment["total_size"]
        free = segment["blocks"]
        assert segment["device"] == segment["allocated_size"] == segment["active_size"] == 0
        assert sum(block["size"] for block in free) == reserved
        assert all(block["state"] == "inactive" for block in free)
        first = trace[0]
        assert first["action"] == "segment_alloc" and first["size"] == reserved
        assert first["addr"] == segment["address"]
        peak, blocks = replay(trace[1:], Allocated(segment["address"], reserved))
    else:
        assert not trace
    print(json.dumps({"peak": peak, "reserved": reserved, "blocks": blocks}))


main(sys.argv[1])
