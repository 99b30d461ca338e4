"""Small TensorFlow Lite models for tests.

A flatbuffer is written front to back: a table, then what it refers to. Offsets of fields lead
forwards, and each table is preceded by its vtable.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

RELU = 19
"""An operator of TensorFlow Lite by its number."""


class Number:
    """A field that lies in the table itself."""

    def __init__(self, value: int, kind: str = "i") -> None:
        self.bytes = struct.pack(f"<{kind}", value)


class Table:
    """Fields by their numbers."""

    def __init__(self, fields: dict[int, Field]) -> None:
        self.fields = fields


Field = Number | Table | str | bytes | Sequence[Table]


def numbers(values: Sequence[int]) -> bytes:
    """A vector of 32-bit numbers: its length is that of the list."""
    return struct.pack(f"<I{len(values)}i", len(values), *values)


class _Writer:
    def __init__(self) -> None:
        self.out = bytearray(b"\0\0\0\0TFL3")

    def align(self, size: int = 4) -> None:
        self.out += bytes(-len(self.out) % size)

    def point(self, place: int, target: int) -> None:
        struct.pack_into("<I", self.out, place, target - place)

    def write(self, value: Table | str | bytes | Sequence[Table]) -> int:
        """Writes a value at the end, and what it refers to behind it."""
        self.align()
        start = len(self.out)
        if isinstance(value, Table):
            return self.table(value)
        if isinstance(value, str):
            text = value.encode()
            self.out += struct.pack("<I", len(text)) + text + b"\0"
        elif isinstance(value, bytes):
            self.out += value
        else:
            self.out += struct.pack("<I", len(value)) + bytes(4 * len(value))
            for index, element in enumerate(value):
                self.point(start + 4 + 4 * index, self.write(element))
        return start

    def table(self, table: Table) -> int:
        slots = 1 + max(table.fields, default=-1)
        places = [0] * slots
        for order, slot in enumerate(sorted(table.fields)):
            places[slot] = 4 + 4 * order
        size = 4 + 4 * len(table.fields)
        vtable = len(self.out)
        self.out += struct.pack(f"<{2 + slots}H", 4 + 2 * slots, size, *places)
        self.align()
        start = len(self.out)
        self.out += struct.pack("<i", start - vtable) + bytes(size - 4)
        for slot, field in table.fields.items():
            place = start + places[slot]
            if isinstance(field, Number):
                self.out[place : place + len(field.bytes)] = field.bytes
            else:
                self.point(place, self.write(field))
        return start


def chain(length: int, elements: int = 256) -> bytes:
    """A model of `length` operators in a row, on tensors `t0`, `t1`, ... of 32-bit floats."""
    tensors = [
        Table({0: numbers([1, elements]), 1: Number(0, "b"), 2: Number(0, "I"), 3: f"t{index}"})
        for index in range(length + 1)
    ]
    operators = [
        Table({0: Number(0, "I"), 1: numbers([index]), 2: numbers([index + 1])})
        for index in range(length)
    ]
    graph = Table({0: tensors, 1: numbers([0]), 2: numbers([length]), 3: operators, 4: "main"})
    code = Table({0: Number(RELU, "b"), 2: Number(1), 3: Number(RELU)})
    model = Table({0: Number(3, "I"), 1: [code], 2: [graph], 3: "test", 4: [Table({})]})
    writer = _Writer()
    writer.point(0, writer.write(model))
    return bytes(writer.out)
