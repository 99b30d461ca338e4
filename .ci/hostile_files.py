"""Files made to do harm, for hostile.py: every form that the command line reads.

Stands on hostile_onnx.py and hostile_tflite.py for models; here are tables, plans, schedules and
orders. A case has a name, its files and the command that reads them. Invariant: what a case holds
depends on its size alone, so a finding can be made again.
"""

import gzip
import json
import random
import struct
import sys

import hostile_onnx
import hostile_tflite


class Case:
    """Files, and a command that reads them."""

    def __init__(self, name, files, command, outputs=(), searches=1, statuses=(0, 1)):
        self.name = name
        self.files = files
        self.command = command
        # Files that the command is told to write.
        self.outputs = outputs
        # How many searches may each take the time limit.
        self.searches = searches
        # How it may end. Wrong usage, 2, is never the fault of a file alone.
        self.statuses = statuses


def cases(size, in_every_way):
    """All cases, with files of about this many bytes; models are read in one way, or in every."""
    yield from of_lifetimes(size)
    yield from of_plc(size)
    yield from of_snapshots(size)
    yield from of_heaptrack(size)
    yield from of_recordings(size)
    yield from of_profiles(size)
    yield from of_processes(size)
    yield from of_xla(size)
    yield from of_alternate_memory(size)
    yield from of_plans(size)
    yield from of_json_plans(size)
    yield from of_schedules(size)
    for name, content in hostile_onnx.models(size):
        yield from of_model("onnx", name, content, in_every_way)
    for name, content in hostile_tflite.models(size):
        yield from of_model("tflite", name, content, in_every_way)
    yield from of_orders(size)
    yield from of_options(size)


def with_page(name, files, command, **more):
    """A case of a recording, and another one that draws it with its calls."""
    yield Case(name, files, command, **more)
    drawn = [*command, "--html", "out.html"]
    yield Case(f"{name}, as a page", files, drawn, ["out.html"], **more)


def rows(size, row):
    """Lines of a table, as many as fit."""
    lines, length, index = [], 0, 0
    while length < size:
        lines.append(row(index))
        length += len(lines[-1]) + 1
        index += 1
    return lines


def table(header, lines):
    return "\n".join([header, *lines, ""]).encode()


def of_lifetimes(size):
    header = "id,lower,upper,size"
    aligned, fixed, gaps = (header + "," + more for more in ("alignment", "fixed_offset", "gaps"))
    dice = random.Random(1)
    count = size // 24

    def text(row, head=header):
        return table(head, rows(size, row))

    def leaping(i):
        # Small ones leave gaps everywhere; long ones fit into none of them.
        return f"{i},{i},{i + 2},7" if i % 8 else f"{i},0,{count},{8 + i % 5}"

    tables = {
        "all alive at once": text(lambda i: f"{i},0,9,{i % 97 + 1}"),
        "a chain": text(lambda i: f"{i},{i},{i + 2},{i % 97 + 1}"),
        "stairs": text(lambda i: f"{i},{i},{2 * count - i},{i + 1}"),
        "at random": text(
            lambda i: f"{i},{(a := dice.randrange(count))},{a + 1 + dice.randrange(99)},"
            f"{dice.randrange(1 << 20)}"
        ),
        "long ones at random": text(
            lambda i: f"{i},{(a := dice.randrange(count))},{a + 1 + dice.randrange(count)},"
            f"{dice.randrange(1 << 20)}"
        ),
        "leaps over gaps": text(leaping),
        "times from end to end": text(lambda i: f"{i},{-(2**63)},{2**63 - 1},1"),
        "sizes that overflow": text(lambda i: f"{i},0,9,{2**62}"),
        "sizes that overflow when added": text(lambda i: f"{i},0,9,{2**50}"),
        "zero bytes": text(lambda i: f"{i},0,9,0"),
        "never alive": text(lambda i: f"{i},5,5,9"),
        "one name": text(lambda i: f"x,{i},{i + 2},9"),
        "one long name": table(header, ["x" * size + ",0,9,9"]),
        "one long number": table(header, ["x,0,9," + "9" * size]),
        "one open quote": table(header, ['"' + "x,0,9,9\n" * (size // 8)]),
        "quotes alone": table(header, ['"' * size]),
        "commas alone": b"," * size,
        "line ends alone": b"\n" * size,
        "zeros alone": b"\0" * size,
        "no text": dice.randbytes(size),
        "columns without end": ("id,lower,upper,size" + ",c" * (size // 2)).encode(),
        "one column many times": ("id" + ",id" * (size // 3)).encode(),
        "alignments of all powers": text(lambda i: f"{i},{i},{i + 9},1,{2 ** (i % 62)}", aligned),
        "alignment of 2^62": text(lambda i: f"{i},0,9,1,{2**62}", aligned),
        "gaps of one row": table(
            gaps, ["a,0,%d,9,%s" % (size, " ".join(rows(size, lambda i: f"{2*i+1}-{2*i+2}")))]
        ),
        "gaps of all rows": text(lambda i: f"{i},0,99,{i % 9},5-7 9-11 20-40 50-52", gaps),
        "gaps that cross": text(lambda i: f"{i},0,{count},9,{i+1}-{i+2} {i+5}-{i+6}", gaps),
        "gaps at random": text(
            lambda i: f"{i},{(a := dice.randrange(count))},{a + 90},{dice.randrange(999)},"
            f"{a + 10}-{a + 20} {a + 30 + dice.randrange(9)}-{a + 50}",
            gaps,
        ),
        "fixed at one place": text(lambda i: f"{i},{i},{i + 2},9,0", fixed),
        "fixed apart": text(lambda i: f"{i},0,9,9,{i * 10}", fixed),
        "fixed at the end": text(lambda i: f"{i},{i},{i + 1},9,{2**63 - 10}", fixed),
        "every second one fixed": text(
            lambda i: f"{i},{i},{i + 9},9,{i * 10 if i % 2 else ''}", fixed
        ),
    }
    for name, content in tables.items():
        files, written = {"in.csv": content}, ["out.csv"]
        yield Case(f"lifetimes: {name}", files, ["plan", "in.csv", "--output", "out.csv"], written)
    streams = {
        "a stream for each row": text(lambda i: f"{i},{i},{i + 2},9,s{i}", f"{header},stream"),
        "one long stream": table(f"{header},stream", ["a,0,2,9,", "b,0,2,9," + "x" * size]),
    }
    for name, content in streams.items():
        command, written = ["plan", "in.csv", "--html", "out.html"], ["out.html"]
        yield Case(f"lifetimes: {name}", {"in.csv": content}, command, written)
    hard = "all alive at once", "a chain", "stairs", "leaps over gaps", "long ones at random"
    for name in hard:
        files = {"in.csv": tables[name]}
        yield Case(f"report: {name}", files, ["plan", "in.csv", "--report", "--json"])
        yield Case(f"compare: {name}", files, ["compare", "in.csv"], searches=12)
    for name in ("all alive at once", "long ones at random"):
        command = ["plan", "in.csv", "--svg", "out.svg"]
        yield Case(f"picture: {name}", {"in.csv": tables[name]}, command, ["out.svg"])
        command = ["plan", "in.csv", "--output", "out.json"]
        yield Case(f"as JSON: {name}", {"in.csv": tables[name]}, command, ["out.json"])


def of_plc(size):
    dice = random.Random(2)
    count = size // 64

    def records(record):
        return b"".join(struct.pack(">8Q", *record(i)) for i in range(count))

    forms = {
        "at random": dice.randbytes(count * 64),
        "cut": dice.randbytes(count * 64 - 7),
        "all alive": records(lambda i: (i, 0, 9, i + 1, 0, 0, 0, 1)),
        "one id": records(lambda i: (7, i, i + 2, 9, 0, 0, 0, 1)),
        "beyond the end": records(lambda i: (i, 2**64 - 2, 2**64 - 1, 2**63, 0, 0, 2**63, 1)),
    }
    for name, content in forms.items():
        yield Case(f"plc: {name}", {"in.plc": content}, ["plan", "in.plc"])


def of_snapshots(size):
    head = b"\x80\x02"

    def trace(events):
        return head + b"}X\x0d\x00\x00\x00device_traces]](" + events + b"eas."

    def text(value):
        return b"\x8c" + bytes([len(value)]) + value.encode()

    names = [text(name) + bytes([ord("q"), i]) for i, name in enumerate(["addr", "size", "alloc"])]
    memo = b"(" + b"".join(names) + text("action") + b"q\x031"
    event = b"}(h\x03h\x02h\x00J%sh\x01K\x07u"
    events = size // len(event)
    snapshots = {
        "lists": head + b"]" * size + b".",
        "lists within lists": head + b"]" * (size // 2) + b"a" * (size // 2 - 1) + b".",
        "marks": head + b"(" * size + b".",
        "dictionaries in a trace": trace(b"}" * size),
        "one list many times": head + b"]q\x00(" + b"h\x00" * (size // 2) + b"e.",
        "one event many times": trace(b"}q\x00" + b"h\x00" * (size // 2)),
        "a chain of lists": head
        + b"]q\x00"
        + b"](h\x00h\x00h\x00h\x00eq\x00" * (size // 14)
        + b".",
        "memo at the end": head + b"]r" + b"\xff" * 4 + b"j\xff\xff\xff\xff" * (size // 5) + b".",
        "a text without an end": head + b"X" + b"\xff" * 4 + b"a" * size,
        "all at one address": memo_first(memo, event % struct.pack("<i", 9) * events),
        "all alive": memo_first(
            memo, b"".join(event % struct.pack("<i", i) for i in range(events))
        ),
        "one frame many times": memo_first(
            memo + b"}(" + text("filename") + b"X" + struct.pack("<i", size // 2)
            + b"e" * (size // 2 - 10) + b"/torch/.py" + b"uq\x040",
            b"}(" + text("frames") + b"](" + b"h\x04" * (size // 5) + b"e"
            + b"h\x03h\x02h\x00K\x09h\x01K\x07u",
        ),
        "a stream for each event": streams(size),
        "a device for each event": devices(size),
        "a command": head + b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R.",
    }
    for name, content in snapshots.items():
        yield from with_page(f"snapshot: {name}", {"in.pickle": content}, ["plan", "in.pickle"])
    nested = b'{"segments":' + b"[" * size
    yield from with_page("snapshot: nested JSON", {"in.json": nested}, ["plan", "in.json"])


def streams(size):
    """Events of a stream each, as JSON."""
    event = '{{"action":"alloc","addr":{i},"size":1,"stream":{i}}}'.format
    events = ",".join(event(i=i) for i in range(size // 55))
    return ('{"device_traces":[[' + events + "]]}").encode()


def devices(size):
    """Devices with an event each, as JSON."""
    event = '[{"action":"alloc","addr":512,"size":1}]'
    return ('{"device_traces":[' + ",".join([event] * (size // len(event))) + "]}").encode()


def of_heaptrack(size):
    head = b"v 10400 3\n"
    kind = head + b"a 18 0\n"
    count = size // 12
    depth = b"".join(b"t 1 %x\n" % i for i in range(count // 2))
    events = b"".join(b"+ 8 %x %x\n" % (i % 1000, i) for i in range(count))
    recordings = {
        "all alive": kind + b"+ 0\n" * (size // 16),
        "one after the other": kind + b"+ 0\n- 0\n" * (size // 32),
        "frees alone": kind + b"- 0\n" * (size // 4),
        "kinds alone": head + b"a 8 0\n" * (size // 6) + b"+ 0\n",
        "texts alone": head + b"s 1 a\n" * (size // 6),
        "one long text": head + b"s %x " % size + b"a" * size + b"\n",
        "a deep stack": head + b"i 1 0\n" + depth + b"a 8 %x\n" % (count // 2) + b"+ 0\n",
        "many functions": head + b"s 1 f\ni 1 0" + b" 1 1 1" * (size // 6) + b"\nt 1 0\n",
        "stacks of many functions": head
        + b"s 1 f\ni 1 0" + b" 1 1 1" * (size // 12) + b"\n"
        + allocations([b"t 1 0\n"] * (size // 46)),
        "many functions from many calls": head + many_functions_from_many_calls(size),
        "many long names": head + many_long_names(size),
        "many modules": head + b"m 1 a 0 0 1\n" * (size // 12) + b"t 0 0\n+ 8 1 0\n",
        "addresses": head + b"x 1 a\n" + events,
        "one address": head + b"x 1 a\n" + b"+ 8 0 0\n" * (size // 16),
        "blocks of many pages": head
        + b"x 1 a\n"
        + b"".join(b"+ %x 0 %x\n" % (2**32, i * 2**32) for i in range(size // 26)),
        "blocks beyond all addresses": head
        + b"x 1 a\n"
        + b"".join(b"+ fff 0 %x\n" % (2**64 - 1 - i) for i in range(size // 26)),
        "blanks": head + b"+" + b" " * size + b"\n",
    }
    for name, content in recordings.items():
        yield from with_page(f"heaptrack: {name}", {"in": content}, ["plan", "in"])
    bomb = gzip.compress(head + b"s" * (size * 500), mtime=0)
    name = "heaptrack: one long line, compressed"
    yield from with_page(name, {"in.gz": bomb}, ["plan", "in.gz"])
    # With 24 bytes for each of them, a page would take more than the limit.
    frees = head + b"x 1 a\n+ 8 0 0\n" + b"- 0\n" * (size * 14)
    frees = gzip.compress(frees, mtime=0)
    yield from with_page("heaptrack: frees alone, compressed", {"in.gz": frees}, ["plan", "in.gz"])
    cut = gzip.compress(recordings["all alive"], mtime=0)[:-9]
    yield from with_page("heaptrack: cut off", {"in.gz": cut}, ["plan", "in.gz"])
    broken = b"\x28\xb5\x2f\xfd" + random.Random(7).randbytes(size)
    yield from with_page("heaptrack: no zstd", {"in.zst": broken}, ["plan", "in.zst"])


def allocations(stacks, of=None):
    """Lines of stacks, and an allocation in each of them, or in those with these numbers."""
    numbers = of or range(1, len(stacks) + 1)
    kinds = [b"a 8 %x\n" % number for number in numbers]
    events = [b"+ %x\n" % kind for kind in range(len(kinds))]
    return b"".join([*stacks, *kinds, *events])


def many_functions_from_many_calls(size):
    """Chains of calls, from each of which a stack goes through 500 functions."""
    depth, functions = 250, 500
    chains = size // (40 * depth)
    texts = [b"s 1 f\n", *(b"s 4 %04x\n" % i for i in range(chains))]
    roots = [b"i 3 0 %x\n" % (i + 2) for i in range(chains)]
    calls = [b"i 1 0 1\n", b"i 2 0" + b" 1 0 0" * functions + b"\n", *roots]
    stacks, of = [], []
    for chain in range(chains):
        stacks.append(b"t %x 0\n" % (chain + 3))
        for _ in range(depth):
            stacks.append(b"t 1 %x\n" % len(stacks))
    for outer in range(1, len(stacks) + 1):
        stacks.append(b"t 2 %x\n" % outer)
        of.append(len(stacks))
    return b"".join(texts + calls) + allocations(stacks, of)


def many_long_names(size):
    """Lines of a function whose name is too long, each of them in one stack."""
    lines, functions = size // 10, 200
    texts = b"s 1c2 " + b"f" * 450 + b"\ns 1 m\n"
    frames = [b" 1 2 %x" % line for line in range(lines)]
    calls = [
        b"i 1 0" + b"".join(frames[begin : begin + functions]) + b"\n"
        for begin in range(0, lines, functions)
    ]
    stacks = [b"t %x 0\n" % (index + 1) for index in range(len(calls))]
    return texts + b"".join(calls) + allocations(stacks)


def of_recordings(size):
    """Recordings of ReplayAlloc."""
    event = (
        '{{"kind":"{kind}","time_ns":0,"thread":{thread},"address":{at},"size":{size},'
        '"alignment":{alignment}}}'
    ).format
    plain = {"kind": "allocate", "thread": 1, "at": 0, "size": 9, "alignment": 8}
    count = size // 85

    def file(events, lanes="[]", version=1):
        head = '{"format":"orionrt-trace","version":%d,"lost":0,"lanes":%s,"events":[' % (
            version,
            lanes,
        )
        return (head + ",".join(event(**plain | one) for one in events) + "]}").encode()

    kinds = "allocate", "resize", "resized", "free"
    each = range(count)
    files = {
        "all at one address": file({} for _ in each),
        "all alive": file({"at": i * 16} for i in each),
        "in turns": file({"kind": kinds[3 * (i % 2)]} for i in each),
        "resizes": file({"kind": kinds[i % 4], "at": i // 4 * 9000} for i in each),
        "a thread for each event": file({"thread": i, "at": i * 16} for i in each),
        "blocks beyond all addresses": file(
            {"kind": kinds[3 * (i % 2)], "at": 2**64 - 1, "size": 2**63} for i in each
        ),
        "odd alignments": file({"kind": kinds[3 * (i % 2)], "alignment": i} for i in each),
        "lanes alone": file([], "[" + ",".join(['{"thread":1}'] * (size // 13)) + "]"),
        "nested": file([], "[" * size),
    }
    for name, content in files.items():
        yield from with_page(f"recording: {name}", {"in": content}, ["plan", "in"])


def of_profiles(size):
    """Profiles in pprof's format."""

    def number(value):
        digits = bytearray()
        while value > 127:
            digits.append(value & 127 | 128)
            value >>= 7
        return bytes([*digits, value])

    def field(key, value):
        """A field of a message: bytes, or numbers, packed if there are several."""
        if isinstance(value, int):
            return number(key << 3) + number(value)
        if isinstance(value, list):
            value = b"".join(map(number, value))
        return number(key << 3 | 2) + number(len(value)) + value

    def function(i):
        return field(5, field(1, i + 1) + field(2, i + 2))

    def location(i, functions):
        lines = b"".join(field(4, field(1, of + 1)) for of in functions)
        return field(4, field(1, i + 1) + lines)

    def sample(locations, value=4096):
        return field(2, field(1, [of + 1 for of in locations]) + field(2, [value]))

    def texts(names):
        return b"".join(field(6, name) for name in [b"", b"bytes", *names])

    def profile(*parts):
        return field(1, field(1, 1) + field(2, 1)) + b"".join(parts)

    short = texts(b"f%d" % i for i in range(1000))
    functions = b"".join(map(function, range(1000)))
    places = b"".join(location(i, [i]) for i in range(1000))
    thousand = range(1000)
    draw = random.Random(5)
    random_stacks = (draw.choices(thousand, k=100) for _ in range(size // 200))
    pages = min(size // 40, 50_000)
    mapped = (field(3, field(1, i + 1) + field(2, i << 12) + field(3, i + 1 << 12) + field(5, 2))
              for i in range(pages))
    profiles = {
        "samples alone": profile(sample([]) * (size // 8), texts([])),
        "one stack many times": profile(
            sample(thousand) * (size // 1700), functions, places, short),
        "one deep stack": profile(sample([7] * size), functions, places, short),
        "many stacks": profile(*map(sample, random_stacks), functions, places, short),
        "inlined without end": profile(
            location(0, thousand), sample([0] * 1000) * (size // 1000), functions, short),
        "many functions": profile(
            *map(function, range(size // 12)), texts([b"f"] * (size // 9))),
        "values beyond sums": profile(
            *(sample([i % 1000], (1 << 63) - 1 + i % 3) for i in range(size // 20)), functions,
            places, short),
        "long names": profile(
            *(sample([i, i, i]) for i in range(10)), *map(function, range(10)),
            *(location(i, [i]) for i in range(10)),
            texts([b"<&\x1b;" * (size // 50)] * 10)),
        "mappings of one file": profile(
            *mapped, *(field(4, field(1, i + 1) + field(2, i % pages + 1) + field(3, i << 12))
                       for i in range(size // 20)),
            sample([0]), texts([b"/usr/bin/env"])),
        "mapping of a device": profile(
            field(3, field(1, 1) + field(3, 1 << 40) + field(5, 2)),
            field(4, field(1, 1) + field(2, 1) + field(3, 4096)), sample([0]),
            texts([b"/dev/zero"])),
        "noise": profile(draw.randbytes(size)),
    }
    for name, content in profiles.items():
        command = ["profile", "in.pb", "--svg", "out.svg", "--folded", "out.txt",
                   "--pprof", "out.gz"]
        yield Case(f"profile: {name}", {"in.pb": content}, command,
                   ["out.svg", "out.txt", "out.gz"])
    bomb = gzip.compress(profile(sample([]) * (size * 6)), mtime=0)
    yield Case("profile: many samples, compressed", {"in.pb": bomb}, ["profile", "in.pb"])
    bomb = gzip.compress(profile(bytes(size * 500)), mtime=0)
    yield Case("profile: nothing, compressed", {"in.pb": bomb}, ["profile", "in.pb", "--json"])
def of_processes(size):
    """Recordings of a process."""
    part, words = 64 << 10, 8192
    most = (words - 3) // 3
    chunks = max(size // part, 1)
    allocate, free, resize, resized, clock = 1, 2, 3, 4, 6

    def numbers(values):
        return struct.pack(f"={len(values)}Q", *values)

    def file(event, thread=lambda chunk: chunk, count=most, claimed=16 * chunks, counter=0):
        """`event` makes kind, ticks, address, size and log2 of the alignment of a number."""
        head = [0] * words
        magic = int.from_bytes(b"ORIONREC", sys.byteorder)
        head[:7] = [magic, 1, 7, 0, counter, 16 * chunks, claimed]
        made = [numbers(head)]
        for chunk in range(chunks):
            body = [thread(chunk) + 1, count, 16]
            for index in range(min(count, most)):
                kind, ticks, address, length, alignment = event(chunk * most + index)
                body += [ticks << 10 | alignment << 4 | kind, address, length]
            made.append(numbers(body + [0] * (words - len(body))))
        return b"".join(made)

    top = 2**64 - 1
    files = {
        "all alive": file(lambda i: (allocate, i, i * 16, 9, 4)),
        "all at one address": file(lambda i: (allocate, i, 16, 9, 4)),
        "in turns": file(lambda i: ((allocate, free)[i % 2], i, 16, 9, 4), lambda chunk: 0),
        "resizes": file(lambda i: ((allocate, resize, resized, free)[i % 4], i, 16, i, 4)),
        "times that fall": file(lambda i: ((allocate, free)[i % 2], top >> 10 & ~i, i // 2, 9, 4)),
        "blocks beyond all addresses": file(lambda i: (allocate, i, top - i, 2**63, 4)),
        "odd alignments": file(lambda i: ((allocate, free)[i % 2], i, i // 2, 9, i % 64)),
        "a clock that stands": file(lambda i: (clock, i, 9, 0, 0), counter=1),
        "a clock that leaps": file(lambda i: (clock, i, top * (i % 2), 0, 0), counter=1),
        "no events": file(None, count=0),
        "more events than fit": file(lambda i: (allocate, i, i, 9, 4), count=most + 1),
        "no such kind": file(lambda i: (15, i, i, 9, 4)),
        "more chunks than there are": file(lambda i: (allocate, i, i, 9, 4), claimed=top),
    }
    for name, content in files.items():
        yield from with_page(f"process: {name}", {"in": content}, ["plan", "in"])
        outputs = ["csv", "json"]
        command = ["trace", "in", "--csv", "csv", "--perfetto", "json"]
        yield Case(f"process: {name}", {"in": content}, command, outputs, searches=0)


def of_xla(size):
    head = b"BufferAssignment:\nallocation 0: size 99999999, preallocated-temp:\n"
    value = " value: <{i} v{i} @0> (size={s},offset={o}): f32\n".format
    count = size // 70

    def file(values, ranges, last):
        lives = "".join(f"    v{i}{{}}:{a}-{b}\n" for i, (a, b) in enumerate(ranges))
        ends = f"\nHloLiveRange (max {last}):\n  BufferLiveRange:\n{lives}"
        return head + "".join(values).encode() + ends.encode()

    each = range(count)
    files = {
        "one after the other": file(
            [value(i=i, s=9, o=i % 100 * 16) for i in each], [(i, i + 50) for i in each], count
        ),
        "all in place": file(
            [value(i=i, s=9, o=0) for i in each], [(i, i + 1) for i in each], count
        ),
        "one loop with gaps": file(
            [value(i=i, s=9, o=0).replace(" @", " (phi) @") for i in each],
            [(3 * i, 3 * i + 1) for i in each],
            3 * count,
        ),
        "all alive": file([value(i=i, s=9, o=i * 16) for i in each], [(0, 9) for _ in each], 9),
        "without ranges": file([value(i=i, s=9, o=i) for i in range(2 * count)], [], 10**9),
        "allocations alone": b"BufferAssignment:\n" + b"allocation 0: size 1:\n" * (size // 22),
        "one long name": file([value(i="x" * size, s=9, o=0)], [], 9),
        "ranges alone": b"HloLiveRange (max 1):\n  BufferLiveRange:\n"
        + b"    a{}:0-1\n" * (size // 12),
        "headers alone": b"BufferAssignment:\n" * (size // 18),
    }
    for name, content in files.items():
        yield from with_page(f"XLA: {name}", {"in": content}, ["plan", "in"])


def of_alternate_memory(size):
    """XLA's memory space assignments."""
    header = "buffer_id,size,offset,start_time,end_time"
    names = "buffer_id,buffer_name,alt_mem_benefit,size,definition_time,use_times,use_names\n"
    text = lambda row: table(header, rows(size, row))
    files = {
        "one after the other": text(lambda i: f"{i},64,{i % 100 * 64},{i},{i + 50}"),
        "all in place": text(lambda i: f"{i},64,0,{i},{i + 1}"),
        "all alive": text(lambda i: f"{i},64,{i * 64},0,9"),
        "one buffer": text(lambda i: f"7,64,{i % 9 * 64},{i},{i}"),
        "sizes that overflow together": text(lambda i: f"{i},{2**63 - 1},{2**63 - 1},{i},{i}"),
        "one long name": table(header, ["1,2,3,4,5"]) + names.encode() + b'1,"' + b"x" * size,
        "buffers alone": names.encode() + b'1,"x",0\n' * (size // 8),
        "headers alone": (header.encode() + b"\n") * (size // 42),
    }
    for name, content in files.items():
        yield from with_page(f"alternate memory: {name}", {"in": content}, ["plan", "in"])


def memo_first(memo, events):
    """A trace after the memo has been filled."""
    return b"\x80\x04" + memo + b"}X\x0d\x00\x00\x00device_traces](](" + events + b"ees."


def of_plans(size):
    header = "id,lower,upper,size,alignment,offset"
    dice = random.Random(3)

    def text(row, head=header):
        return table(head, rows(size, row))

    plans = {
        "stacked": text(lambda i: f"{i},0,9,10,1,{i * 10}"),
        "stacked, last overlaps": text(lambda i: f"{i},0,9,10,1,{i * 10}") + b"last,0,9,10,1,5\n",
        "all at one place": text(lambda i: f"{i},{i},{i + 1},10,1,0"),
        "beyond the end": text(lambda i: f"{i},{i},{i + 1},{2**62},1,{2**62}"),
        "at random": text(
            lambda i: f"{i},{(a := dice.randrange(10**6))},{a + 9},9,1,{dice.randrange(2**40)}"
        ),
        "one name": text(lambda i: f"x,{i},{i + 1},10,1,0"),
        "misaligned": text(lambda i: f"{i},{i},{i + 1},10,64,1"),
    }
    given = table("id,lower,upper,size", rows(size, lambda i: f"{i},{i % 1000},{i % 1000 + 9},9"))
    for name, content in plans.items():
        yield Case(f"plan: {name}", {"plan.csv": content}, ["check", "plan.csv"])
    for name in ("stacked", "all at one place", "at random", "beyond the end"):
        files = {"plan.csv": plans[name], "in.csv": given}
        for option in ("--keep", "--start-from"):
            command = ["plan", "in.csv", option, "plan.csv"]
            yield Case(f"{option}: {name}", files, command)


def json_plan(tensors, **more):
    plan = {"format": "orionrt-plan", "version": 1, "strategy": "auto", "peak": 10, "load": 10}
    plan |= {"lower_bound": 10, "tensors": tensors} | more
    return json.dumps(plan).encode()


def of_json_plans(size):
    count = size // 90
    dice = random.Random(4)

    def tensor(i, **more):
        row = {"id": str(i), "lower": i, "upper": i + 1, "size": 10, "alignment": 1, "offset": 0}
        return row | more

    many = [tensor(i) for i in range(count)]
    facts = {"order_of": "file", "aliasing": "off", "dims": {}, "assumed": {}, "bounds": {}}
    long_order = facts | {"left_out": [], "order": [str(i) for i in range(size // 10)]}
    many_dims = facts | {"left_out": [], "order": []}
    many_dims["dims"] = {f"d{i}": i for i in range(size // 12)}
    plans = {
        "many tensors": json_plan(many),
        "all overlap": json_plan([tensor(i, lower=0) for i in range(count)]),
        "one name": json_plan([tensor(0, lower=i, upper=i + 1) for i in range(count)]),
        "arrays in arrays": b"[" * size,
        "objects in objects": b'{"tensors":' * (size // 11),
        "arrays in a tensor": json_plan([tensor(0)]).replace(b'"0"', b"[" * size, 1),
        "one long name": json_plan([tensor(0, id="x" * size)]),
        "one long number": json_plan([tensor(0)]).replace(b"10", b"1" * size, 1),
        "escapes": json_plan([tensor(0, id="\u202e\x1b" * (size // 12))]),
        "one key many times": b'{"format":"orionrt-plan",' + b'"version":1,' * (size // 12) + b"}",
        "unknown keys": json_plan([], **{f"k{i}": 0 for i in range(size // 12)}),
        "views in views": json_plan(
            [tensor(i, within={"id": str(max(i - 1, 0)), "offset": 0}) for i in range(count)]
        ),
        "views by number": json_plan([tensor(i, within=max(i - 1, 0)) for i in range(count)]),
        "negative": json_plan([tensor(0, offset=-1)]) + b" " * size,
        "no text": dice.randbytes(size),
        "many operators": json_plan(many[:1], model=long_order),
        "many dimensions": json_plan(many[:1], model=many_dims),
    }
    for name, content in plans.items():
        yield Case(f"JSON plan: {name}", {"plan.json": content}, ["check", "plan.json"])
    model = hostile_onnx.chain(size // 40)
    for name in ("many tensors", "one name", "many operators", "many dimensions"):
        files = {"plan.json": plans[name], "model.onnx": model}
        command = ["check", "plan.json", "--model", "model.onnx"]
        yield Case(f"JSON plan of a model: {name}", files, command)


def of_schedules(size):
    small = table("id,lower,upper,size", [f"{i},{i},{i + 2},9" for i in range(1000)])
    dice = random.Random(5)
    starts = size // 20
    schedules = {
        "one pair many times": {"together": [["a", "b"]] * (size // 12)},
        "pairs of nobody": {"together": [[f"x{i}", "b"] for i in range(size // 18)]},
        "pairs of one": {"together": [["a", "a"]] * (size // 12)},
        "1,000 starts": {"starts": {"a": list(range(0, 10**6, 1000)), "b": [0]}},
        "1,000 starts of both": {"starts": {m: list(range(0, 10**6, 1000)) for m in "ab"}},
        "1,000 runs at a time": {"starts": {m: list(range(0, 2000, 2)) for m in "ab"}},
        "starts that meet": {"starts": {m: list(range(starts)) for m in "ab"}},
        "starts at random": {
            "starts": {m: [dice.randrange(10**12) for _ in range(starts)] for m in "ab"}
        },
        "starts at the ends": {"starts": {"a": [-(2**63), 2**63 - 1], "b": [0]}},
        "one start many times": {"starts": {"a": [5] * (size // 3), "b": [0]}},
        "starts that are huge": {"starts": {"a": [10**400] * (size // 402), "b": [0]}},
    }
    texts = {name: json.dumps(of).encode() for name, of in schedules.items()}
    texts["arrays in arrays"] = b'{"together":' + b"[" * size
    texts["no text"] = dice.randbytes(size)
    for name, content in texts.items():
        files = {"a.csv": small, "b.csv": small, "when.json": content}
        command = ["share", "a.csv", "b.csv", "--schedule", "when.json", "--output", "plans"]
        yield Case(f"schedule: {name}", files, command, ["plans"], searches=3)
    for name in ("1,000 starts of both", "1,000 runs at a time"):
        row = "{i},{i},{j},9,{a}".format
        aligned = [row(i=i, j=i + 2, a=2 ** (i % 48)) for i in range(1000)]
        aligned = table("id,lower,upper,size,alignment", aligned)
        files = {"a.csv": aligned, "b.csv": aligned, "when.json": texts[name]}
        yield Case(f"schedule, aligned: {name}", files, command, ["plans"], searches=3)


def of_model(form, name, content, in_every_way):
    model = f"model.{form}"
    command = ["plan", model, "--unknown", "skip", "--output", "out.json"]
    yield Case(f"{form}: {name}", {model: content}, command, ["out.json"])
    if not in_every_way:
        return
    yield Case(f"{form}, its dimensions: {name}", {model: content}, ["plan", model, "--dims"])
    command = ["plan", model, "--aliasing", "in-place", "--order", "memory"]
    yield Case(f"{form}, reordered: {name}", {model: content}, command, searches=2)


def of_orders(size):
    dice = random.Random(6)
    model = hostile_onnx.chain(1000)
    names = [f"t{i}" for i in range(1, 1000)] + ["y"]
    shuffled = names[:]
    dice.shuffle(shuffled)
    orders = {
        "lines alone": b"\n" * size,
        "one name": b"t1\n" * (size // 3),
        "names and more": "\n".join(names + ["x"] * (size // 2)).encode(),
        "at random": "\n".join(shuffled).encode(),
        "arrays in arrays": b"[" * size,
        "one long name": b"x" * size,
        "JSON": json.dumps({"order": names * (size // 6000)}).encode(),
        "no text": dice.randbytes(size),
    }
    for name, content in orders.items():
        files = {"model.onnx": model, "order": content}
        yield Case(f"order: {name}", files, ["plan", "model.onnx", "--order", "order"])


def of_options(size):
    # The system allows no more than about two megabytes of arguments.
    count = min(size // 20, 20_000)
    model = hostile_onnx.many_dimensions(count)

    def dims(prefix):
        return [word for i in range(count) for word in ("--dim", f"{prefix}{i}=3")]

    files = {"model.onnx": model}
    yield Case("dims: all of many", files, ["plan", "model.onnx", *dims("d")], statuses=(0,))
    wrong = {"statuses": (2,)}
    yield Case("dims: none of many", files, ["plan", "model.onnx", *dims("e")], **wrong)
    yield Case("dims: of nodes", files, ["plan", "model.onnx", *dims("n.")], statuses=(1,))
    chain = {"model.onnx": hostile_onnx.chain(size // 40)}
    names = [word for i in range(count) for word in ("--dim", f"t{i}.0=3")]
    yield Case("dims: of many nodes", chain, ["plan", "model.onnx", *names], **wrong)
    values = ["--input", "x=" + ",".join("1" for _ in range(60_000))]
    yield Case("inputs: a long value", chain, ["plan", "model.onnx", *values], **wrong)
    names = [word for i in range(count) for word in ("--input", f"d{i}=3")]
    yield Case("inputs: many", chain, ["plan", "model.onnx", *names], **wrong)
