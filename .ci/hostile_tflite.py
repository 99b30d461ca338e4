"""TensorFlow Lite files made to do harm, for hostile_files.py.

Stands on nothing: a flatbuffer is written byte by byte, so that tables and vectors can be shared
and offsets can point anywhere. Numbers of fields are those of the public `schema.fbs`.
"""

import random
import struct

RELU, ADD, CALL, CUSTOM, IF, WHILE, CONCATENATION = 19, 0, 31, 32, 118, 119, 2


class Vector:
    """Numbers of one format, text, or tables."""

    def __init__(self, content, form=None):
        self.content = content
        self.form = form

    def is_flat(self):
        """Whether it refers to nothing."""
        return self.form is not None or isinstance(self.content, bytes)


class Writer:
    """Writes each table and vector once, however often it is referred to."""

    def __init__(self):
        self.out = bytearray(b"\0\0\0\0TFL3")
        self.order = []
        self.seen = set()
        self.references = []

    def file(self, root):
        self.visit(root)
        self.refer(0, root)
        # Offsets lead forward alone: what is referred to comes last.
        places = {id(of): self.write(of) for of in reversed(self.order)}
        for at, child in self.references:
            struct.pack_into("<I", self.out, at, places[id(child)] - at)
        return bytes(self.out)

    def visit(self, of):
        if id(of) in self.seen:
            return
        self.seen.add(id(of))
        inner = of.values() if isinstance(of, dict) else () if of.is_flat() else of.content
        for child in inner:
            if not isinstance(child, tuple):
                self.visit(child)
        self.order.append(of)

    def refer(self, at, child):
        self.references.append((at, child))

    def align(self):
        self.out += b"\0" * (-len(self.out) % 8)

    def write(self, child):
        self.align()
        return self.table(child) if isinstance(child, dict) else self.vector(child)

    def vector(self, of):
        # Elements of eight bytes are aligned, too.
        if of.form == "q":
            self.out += b"\0" * 4
        place = len(self.out)
        self.out += struct.pack("<I", len(of.content))
        if isinstance(of.content, bytes):
            self.out += of.content + b"\0"
        elif of.form:
            self.out += struct.pack(f"<{len(of.content)}{of.form}", *of.content)
        else:
            first = len(self.out)
            self.out += b"\0" * 4 * len(of.content)
            for i, child in enumerate(of.content):
                self.refer(first + 4 * i, child)
        return place

    def table(self, of):
        fields = max(of, default=-1) + 1
        self.out += b"\0" * (-(4 + 2 * fields) % 8)
        vtable = len(self.out)
        self.out += struct.pack("<HH", 4 + 2 * fields, 8 + 8 * len(of)) + b"\0" * 2 * fields
        self.align()
        place = len(self.out)
        self.out += struct.pack("<i", place - vtable) + b"\0" * 4
        for number, content in of.items():
            at = len(self.out)
            struct.pack_into("<H", self.out, vtable + 4 + 2 * number, at - place)
            self.out += b"\0" * 8
            if isinstance(content, tuple):
                struct.pack_into("<" + content[0], self.out, at, content[1])
            else:
                self.refer(at, content)
        return place


def tensor(name, shape, more=None):
    return {0: Vector(shape, "i"), 3: Vector(name.encode())} | (more or {})


def operator(code, inputs, outputs, more=None):
    made = {0: ("I", code), 1: Vector(inputs, "i"), 2: Vector(outputs, "i")}
    return made | (more or {})


def bodies(*numbers):
    """The options of `IF` or `WHILE`."""
    return {3: ("B", 92), 4: {i: ("i", number) for i, number in enumerate(numbers)}}


def subgraph(tensors, inputs, outputs, operators):
    return {
        0: Vector(tensors),
        1: Vector(inputs, "i"),
        2: Vector(outputs, "i"),
        3: Vector(operators),
    }


CODES = (RELU, IF, WHILE, CUSTOM, CONCATENATION, CALL)


def file(subgraphs, more=None, codes=CODES):
    tables = [{0: ("b", min(code, 127)), 3: ("i", code)} for code in codes]
    empty = {}
    root = {0: ("I", 3), 1: Vector(tables), 2: Vector(subgraphs), 4: Vector([empty])}
    return Writer().file(root | (more or {}))


def chain(count):
    tensors = [tensor(f"t{i}", [4]) for i in range(count + 1)]
    steps = [operator(0, [i], [i + 1]) for i in range(count)]
    return file([subgraph(tensors, [0], [count], steps)])


def small():
    """A subgraph with one operator."""
    tensors = [tensor("a", [4]), tensor("b", [4])]
    return subgraph(tensors, [0], [1], [operator(0, [0], [1])])


def shared(size):
    """Tables and vectors that are referred to many times."""
    count = size // 8
    one = tensor("t", [4])
    step = operator(0, [0], [1])
    yield "one tensor many times", file([subgraph([one] * count, [0], [1], [step])])
    two = [tensor("a", [4]), tensor("b", [4])]
    yield "one operator many times", file([subgraph(two, [0], [1], [step] * count)])
    yield "one subgraph many times", file([small()] * count)
    large = subgraph([one] * (count // 2), [0], [1], [])
    yield "one large subgraph many times", file([large] * (count // 2))
    long = Vector([0] * (count // 2), "i")
    wide = {0: ("I", 4), 1: long, 2: Vector([1], "i")}
    steps = [wide] * (count // 2)
    yield "one list of operands in many operators", file([subgraph(two, [0], [1], steps)])
    many = [tensor(f"t{i}", [4]) for i in range(size // 80)]
    alias = Vector(list(range(len(many))), "i")
    steps = [{0: ("I", 3), 1: alias, 2: alias}] * 2000
    yield "all tensors in many operators", file([subgraph(many, [0], [1], steps)])
    deep = Vector([1] * count, "i")
    shapes = [{0: deep, 3: Vector(f"t{i}".encode())} for i in range(1000)]
    yield "one long shape in many tensors", file([subgraph(shapes, [0], [1], [step])])
    name = Vector(b"n" * (size // 2))
    named = [{0: Vector([4], "i"), 3: name} for _ in range(size // 100)]
    yield "one long name in many tensors", file([subgraph(named, [0], [1], [step])])
    entry = {0: Vector(b"OfflineMemoryAllocation"), 1: ("I", 0)}
    yield "one metadata many times", file([small()], {6: Vector([entry] * count)})
    codes = {1: Vector([{0: ("b", RELU)}] * count)}
    yield "one code many times", file([small()], codes)
    yield "one buffer many times", file([small()], {4: Vector([{}] * count)})


def controlled(size):
    """Subgraphs that call subgraphs."""
    two = [tensor("a", [4]), tensor("b", [4])]

    def calling(*numbers, code=2):
        steps = [operator(code, [0], [1], bodies(*pair)) for pair in zip(numbers, numbers)]
        return subgraph(two, [0], [1], steps)

    yield "a subgraph that calls itself", file([calling(0)])
    count = size // 300
    last = small()
    ring = [calling((i + 1) % count) for i in range(count)]
    yield "a ring of subgraphs", file(ring)
    yield "a chain of subgraphs", file([*(calling(i + 1) for i in range(count)), last])
    doubling = [calling(i + 1, i + 1) for i in range(40)]
    yield "subgraphs that explode", file([*doubling, last])
    yield "subgraphs that explode at once", file([calling(*[1] * 99), calling(*[2] * 99), last])
    condition = [tensor("c", [], {1: ("b", 6)}), *two]
    step = operator(1, [0, 1], [2], bodies(1, 1))
    top = subgraph(condition, [0, 1], [2], [step] * (size // 8))
    yield "one branch many times", file([top, last])
    calls = [operator(5, [0], [1], {3: ("B", 23), 4: {0: ("I", 1)}})] * (size // 8)
    yield "one call many times", file([subgraph(two, [0], [1], calls), last])


def numbers(size):
    """Sizes, counts and offsets beyond all bounds."""
    step = operator(0, [0], [1])
    huge = [tensor("a", [2**31 - 1] * 8), tensor("b", [2**31 - 1] * 8)]
    yield "dimensions of 2^31", file([subgraph(huge, [0], [1], [step])])
    below = [tensor("a", [-(2**31)] * 2), tensor("b", [-1, 4])]
    yield "negative dimensions", file([subgraph(below, [0], [1], [step])])
    many = [tensor(f"t{i}", [4]) for i in range(size // 80)]
    yield "many tensors", file([subgraph(many, [0], [1], [step])])
    same = [tensor("t", [4]) for i in range(size // 80)]
    count = len(same) - 1
    steps = [operator(0, [i], [i + 1]) for i in range(count // 2)]
    yield "many tensors of one name", file([subgraph(same, [0], [count // 2], steps)])
    yield "a chain", chain(size // 200)
    ends = list(range(len(many)))
    yield "all tensors are inputs and outputs", file([subgraph(many, ends, ends, [])])
    beyond = [operator(0, [2**31 - 1], [-5])] * (size // 8)
    yield "tensors that are not there", file([subgraph(huge, [0], [1], beyond)])
    join = operator(4, ends, [0])
    yield "an operator of all tensors", file([subgraph(many, [0], [0], [join])])
    unknown = [tensor(f"t{i}", [1, 4], {7: Vector([-1, 4], "i")}) for i in range(size // 120)]
    steps = [operator(0, [i], [i + 1]) for i in range(len(unknown) - 1)]
    yield "many unknown sizes", file([subgraph(unknown, [0], [1], steps)])
    all_inputs = list(range(len(unknown)))
    yield "many inputs of unknown size", file([subgraph(unknown, all_inputs, [0], [])])
    custom = [{0: ("b", 32), 1: Vector(f"c{i}".encode()), 3: ("i", 32)} for i in range(size // 80)]
    yield "many custom operators", file([small()], {1: Vector(custom)})
    plan = {0: Vector(struct.pack(f"<{size // 4}i", 0, 0, *range(size // 4 - 2)))}
    entry = {0: Vector(b"OfflineMemoryAllocation"), 1: ("I", 1)}
    more = {4: Vector([{}, plan]), 6: Vector([entry])}
    yield "a plan of many tensors", file([small()], more)
    placed = struct.pack(f"<3i{len(many)}i", 1, 0, len(many), *[0] * len(many))
    more = {4: Vector([{}, {0: Vector(placed)}]), 6: Vector([entry])}
    steps = [operator(0, [i], [i + 1]) for i in range(len(many) - 1)]
    yield "a plan with all at one place", file([subgraph(many, [0], [1], steps)], more)


def noise(size):
    """Bytes that are no model, or hardly one."""
    dice = random.Random(8)
    yield "at random", b"\x20\0\0\0TFL3" + dice.randbytes(size)
    yield "zeros", b"\x20\0\0\0TFL3" + b"\0" * size
    yield "offsets alone", b"\x20\0\0\0TFL3" + b"\x04\0\0\0" * (size // 4)
    yield "offsets of the largest size", b"\x20\0\0\0TFL3" + b"\xff" * size
    whole = chain(size // 200)
    for seed in range(3):
        changed = bytearray(whole)
        for _ in range(200):
            changed[dice.randrange(8, len(changed))] = dice.randrange(256)
        yield f"a chain with wrong bytes, {seed}", bytes(changed)
    yield "half a chain", whole[: len(whole) // 2]


def models(size):
    """Names and contents of all files."""
    for kind in (shared, controlled, numbers, noise):
        yield from kind(size)
