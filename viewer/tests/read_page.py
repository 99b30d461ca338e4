#!/usr/bin/env python3
"""Reads a page that `orionrt plan --html` wrote, and prints what it holds as JSON.

    python3 viewer/tests/read_page.py PAGE

An independent reader of the page's data: it shares no code with the viewer or the command line and
stands on Python's standard library alone. It unpacks the data, checks every column and every number
against the layout, and computes load, peak and lower values anew from lifetimes and sizes. Tensors
that are alive together must not share a byte. The first fault ends it with status 1 and a message
that names the place; what it prints on success is true of the page.
"""

import array
import base64
import bisect
import gzip
import itertools
import json
import math
import re
import struct
import sys

PLACEHOLDER = "<!--ORIONRT-DATA-->"
EXACT = 2**53
TYPES = {"u8": ("B", 1), "u16": ("H", 2), "u32": ("I", 4), "f64": ("d", 8)}
KINDS = ("plan", "check", "share", "compare", "run", "recording", "profile")
SAVINGS = ("in-place", "parts", "views", "order", "both")
# How many of the largest tensors are printed.
SHOWN = 10
# Of how many other tensors all is printed.
CARDS = 3
# At about how many steps memory pages are counted.
SAMPLED = 50


class Fault(Exception):
    """What is wrong, and where."""


def need(true, place, what):
    if not true:
        raise Fault(f"{place}: {what}")


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def unpack(page):
    """The document in the text of a page."""
    need(PLACEHOLDER not in page, "page", "it is the template, without data")
    pattern = r'<script id="orionrt-data" type="application/octet-stream">([^<]*)</script>'
    found = re.findall(pattern, page)
    need(len(found) == 1, "page", f"{len(found)} elements with data instead of one")
    try:
        return gzip.decompress(base64.b64decode(found[0], validate=True))
    except (ValueError, EOFError, OSError) as error:
        raise Fault(f"page: the data cannot be unpacked: {error}") from error


class Document:
    """The header of a document, and its columns as lists of numbers."""

    def __init__(self, document):
        need(len(document) >= 12, "document", f"only {len(document)} bytes")
        magic, version, length = struct.unpack_from("<4sII", document)
        need(magic == b"ORPG", "document", f"it begins with {magic!r} instead of ORPG")
        need(version == 1, "document", f"version {version}")
        need(12 + length <= len(document), "header", "it reaches beyond the end")
        try:
            self.header = json.loads(document[12 : 12 + length].decode("utf-8"))
        except ValueError as error:
            raise Fault(f"header: {error}") from error
        first = (12 + length + 7) // 8 * 8
        need(not any(document[12 + length : first]), "header", "the bytes after it are not zeros")
        self.columns = memoryview(document)[first:]
        self.used = []

    def stored(self, column, place):
        """The numbers of a column as they are stored."""
        need(isinstance(column, dict), place, "no column")
        known = {"type", "at", "count", "scale", "base", "delta"}
        need(set(column) <= known, place, f"unknown fields {sorted(set(column) - known)}")
        need(column.get("type") in TYPES, place, f"type {column.get('type')!r}")
        code, width = TYPES[column["type"]]
        at, count = column.get("at"), column.get("count")
        need(is_whole(at) and at >= 0 and at % 8 == 0, place, f"it begins at {at!r}")
        need(is_whole(count) and count >= 0, place, f"count {count!r}")
        end = at + count * width
        need(end <= len(self.columns), place, f"it ends at {end} of {len(self.columns)} bytes")
        self.used.append((at, end, place))
        values = array.array(code)
        assert values.itemsize == width
        values.frombytes(self.columns[at:end])
        if sys.byteorder == "big":
            values.byteswap()
        return values

    def numbers(self, column, place, below=EXACT, least=0):
        """The values of a column: whole numbers from `least` up to a bound."""
        values = self.stored(column, place)
        if "delta" in column:
            need(column["delta"] is True, place, f"delta is {column['delta']!r}")
            need(column["type"] != "f64", place, "differences of f64")
            values = itertools.accumulate((z >> 1) ^ -(z & 1) for z in values)
        scale, base = column.get("scale", 1), column.get("base", 0)
        for name, factor in (("scale", scale), ("base", base)):
            is_number = isinstance(factor, (int, float)) and not isinstance(factor, bool)
            need(is_number and factor == factor // 1, place, f"{name} is {factor!r}")
        scale, base = int(scale), int(base)
        exact = []
        for i, value in enumerate(values):
            need(math.isfinite(value) and value == int(value), place, f"value {i} is {value!r}")
            value = base + scale * int(value)
            need(least <= value < below, place, f"value {i} is {value}, not in {least}..{below}")
            exact.append(value)
        return exact

    def lists(self, of, place, below):
        """A list of lists, of numbers below a bound."""
        need(isinstance(of, dict), place, "no list of lists")
        items = self.numbers(of.get("items"), f"{place}.items", below)
        return cut(items, self.numbers(of.get("ends"), f"{place}.ends"), place)

    def strings(self):
        of = self.header.get("strings")
        need(isinstance(of, dict), "strings", "missing")
        column = of.get("bytes")
        text = self.stored(column, "strings.bytes").tobytes()
        need(column["type"] == "u8", "strings.bytes", "not of type u8")
        need(not set(column) & {"scale", "base", "delta"}, "strings.bytes", "not plain bytes")
        parts = cut(text, self.numbers(of.get("ends"), "strings.ends"), "strings")
        need(parts and parts[0] == b"", "strings", "the first one is not empty")
        try:
            return [part.decode("utf-8") for part in parts]
        except UnicodeDecodeError as error:
            raise Fault(f"strings: {error}") from error

    def check_columns(self):
        """No two columns share a byte, and none is left that nobody reads."""
        end = 0
        for at, to, place in sorted(self.used):
            need(at >= end or at == to, place, "it shares bytes with another column")
            need(at - end < 8 or at == to, place, f"nobody reads {at - end} bytes before it")
            end = max(end, to)
        need(len(self.columns) - end < 8, "columns", f"{len(self.columns) - end} bytes too many")


def cut(items, ends, place):
    """Consecutive parts of a sequence."""
    starts = [0, *ends[:-1]] if ends else []
    for i, (start, end) in enumerate(zip(starts, ends)):
        need(start <= end, f"{place}.ends", f"list {i} ends before it begins")
    last = ends[-1] if ends else 0
    need(last == len(items), f"{place}.ends", f"they end at {last} of {len(items)} items")
    return [items[start:end] for start, end in zip(starts, ends)]


class Map:
    """One map of a document, checked."""

    def __init__(self, document, of, strings, place):
        need(isinstance(of, dict), place, "no map")
        numbers = ("peak", "load", "lower_bound", "alignment", "least_alignment")
        for name in (*numbers, "first_step", "end_step"):
            value = of.get(name)
            need(is_whole(value) and abs(value) < EXACT, place, f"{name} is {value!r}")
            setattr(self, name, value)
        need(isinstance(of.get("is_optimal"), bool), place, "is_optimal is not true or false")
        need(isinstance(of.get("strategy"), str), place, "strategy is no text")
        need(isinstance(of.get("title"), str), place, "title is no text")
        self.memory = of.get("memory", 0)
        need(is_whole(self.memory) and self.memory >= 0, place, f"memory is {self.memory!r}")
        need(self.first_step <= self.end_step, place, "it ends before it begins")
        need(self.alignment >= 1, place, f"alignment {self.alignment}")
        is_least = 1 <= self.least_alignment <= self.alignment
        need(is_least, place, f"least alignment {self.least_alignment}")
        self.title, self.is_optimal, self.strategy, self.capacity = (
            of["title"],
            of["is_optimal"],
            of["strategy"],
            of.get("capacity"),
        )
        need(self.capacity is None or is_whole(self.capacity), place, "capacity is no number")
        self.strings = strings
        self.read_tensors(document, of.get("tensors"), strings, f"{place}.tensors")
        self.read_operators(document, of.get("operators"), strings, f"{place}.operators")
        self.check_claims(document, of, place)

    def read_tensors(self, document, of, strings, place):
        need(isinstance(of, dict), place, "missing")
        read = lambda name, below=EXACT: document.numbers(of.get(name), f"{place}.{name}", below)
        # Steps may be negative.
        steps = lambda of, name, place: document.numbers(of.get(name), place, least=-EXACT)
        self.name = [strings[i] for i in read("name", len(strings))]
        count = len(self.name)
        self.lower, self.upper = (
            steps(of, name, f"{place}.{name}") for name in ("lower", "upper")
        )
        self.offset, self.size = read("offset"), read("size")
        self.within = read("within", count + 1)
        self.shape = [strings[i] for i in read("shape", len(strings))]
        self.element = [strings[i] for i in read("element", len(strings))]
        for name in ("lower", "upper", "offset", "size", "within", "shape", "element"):
            length = len(getattr(self, name))
            need(length == count, f"{place}.{name}", f"{length} values for {count} tensors")
        gaps = of.get("gaps")
        need(isinstance(gaps, dict), f"{place}.gaps", "missing")
        pairs = list(
            zip(
                lower := steps(gaps, "lower", f"{place}.gaps.lower"),
                upper := steps(gaps, "upper", f"{place}.gaps.upper"),
            )
        )
        need(len(lower) == len(upper), f"{place}.gaps", "not as many begin as end")
        ends = document.numbers(gaps.get("ends"), f"{place}.gaps.ends")
        self.gaps = cut(pairs, ends, f"{place}.gaps")
        need(len(ends) == count, f"{place}.gaps.ends", f"{len(ends)} values for {count} tensors")
        self.windows = self.read_windows(document, of.get("windows"), count, f"{place}.windows")
        for i in range(count):
            self.check_tensor(i, f"{place}[{i}]")

    def read_windows(self, document, of, count, place):
        """For each tensor what is needed of it, if that is not all: (lower, upper, first, end)."""
        if of is None:
            return [()] * count
        need(isinstance(of, dict), place, "no columns")
        pieces = list(
            zip(
                document.numbers(of.get("lower"), f"{place}.lower", least=-EXACT),
                document.numbers(of.get("upper"), f"{place}.upper", least=-EXACT),
                document.numbers(of.get("first"), f"{place}.first"),
                document.numbers(of.get("end"), f"{place}.end"),
                strict=True,
            )
        )
        windows = cut(pieces, document.numbers(of.get("ends"), f"{place}.ends"), place)
        need(len(windows) == count, f"{place}.ends", f"{len(windows)} values for {count} tensors")
        for i, all_of_one in enumerate(windows):
            for lower, upper, first, end in all_of_one:
                is_within = self.lower[i] <= lower < upper <= self.upper[i]
                need(is_within, f"{place}[{i}]", f"it is needed in {lower}..{upper}")
                need(first < end <= self.size[i], f"{place}[{i}]", f"bytes {first}..{end}")
        return windows

    def check_tensor(self, i, place):
        lower, upper = self.lower[i], self.upper[i]
        need(lower <= upper, place, f"it is alive in {lower}..{upper}")
        if self.occupies(i):
            need(
                self.first_step <= lower and upper <= self.end_step,
                place,
                f"it is alive in {lower}..{upper}, outside of the map",
            )
            need(self.offset[i] + self.size[i] <= self.peak, place, "it ends above the peak")
            is_aligned = self.within[i] or self.offset[i] % self.least_alignment == 0
            need(is_aligned, place, f"offset {self.offset[i]} is below the least alignment")
        at = lower
        for start, end in self.gaps[i]:
            need(at <= start < end <= upper, place, f"a gap {start}..{end}")
            at = end
        seen = {i}
        while self.within[i]:
            parent = self.within[i] - 1
            need(parent not in seen, place, "it lies within itself")
            seen.add(parent)
            if self.occupies(i):
                lives = self.lower[parent] <= self.lower[i] and self.upper[i] <= self.upper[parent]
                need(lives, place, f"tensor {i} is alive when tensor {parent} is not")
                starts, ends = self.offset[parent], self.offset[parent] + self.size[parent]
                is_inside = starts <= self.offset[i] and self.offset[i] + self.size[i] <= ends
                need(is_inside, place, f"tensor {i} is not inside tensor {parent}")
            i = parent

    def occupies(self, i):
        return self.size[i] > 0 and self.lower[i] < self.upper[i]

    def read_operators(self, document, of, strings, place):
        self.operators = None
        if of is None:
            return
        need(isinstance(of, dict), place, "neither null nor operators")
        texts = lambda name: [
            strings[i] for i in document.numbers(of.get(name), f"{place}.{name}", len(strings))
        ]
        names, types = texts("name"), texts("type")
        reads = document.lists(of.get("reads"), f"{place}.reads", len(self.name))
        writes = document.lists(of.get("writes"), f"{place}.writes", len(self.name))
        lengths = {len(names), len(types), len(reads), len(writes)}
        need(len(lengths) == 1, place, f"columns of different lengths: {sorted(lengths)}")
        steps = self.end_step - self.first_step
        need(len(names) <= steps, place, f"{len(names)} operators in {steps} steps")
        for i, tensors in enumerate(zip(reads, writes)):
            step = self.first_step + i
            for of_tensor in itertools.chain(*tensors):
                is_alive = self.lower[of_tensor] <= step < self.upper[of_tensor]
                need(
                    is_alive or not self.occupies(of_tensor),
                    f"{place}[{i}]",
                    f"it uses tensor {of_tensor}, which is alive in "
                    f"{self.lower[of_tensor]}..{self.upper[of_tensor]}",
                )
        self.read_bodies(document, of.get("bodies"), strings, f"{place}.bodies", names)
        self.operators = (names, types, reads, writes)

    def read_bodies(self, document, of, strings, place, names):
        """Bodies of control flow: the operators that are named after a body are in it."""
        self.bodies = []
        if of is None:
            return
        numbers = lambda name, below: list(
            document.numbers(of.get(name), f"{place}.{name}", below)
        )
        titles = [strings[i] for i in numbers("name", len(strings))]
        columns = numbers("lower", len(names)), numbers("upper", len(names) + 1)
        repeated = numbers("repeated", 2)
        need({len(titles)} == set(map(len, (*columns, repeated))), place, "lengths differ")
        self.bodies = list(zip(titles, *columns, map(bool, repeated)))
        places = [(lower, -upper) for _, lower, upper, _ in self.bodies]
        need(places == sorted(places), place, "bodies are not in the order of their operators")
        for i, (title, lower, upper, _) in enumerate(self.bodies):
            need(lower < upper, f"{place}[{i}]", f"no operator in {lower}..{upper}")
            inside = [step for step, name in enumerate(names) if name.startswith(f"{title}/")]
            need(
                inside == list(range(lower, upper)),
                f"{place}[{i}]",
                f"{lower}..{upper}, but operators of {title} are {inside[:1]} to {inside[-1:]}",
            )

    def live_ranges(self):
        """The steps at which a tensor with bytes of its own needs them: (start, end, tensor)."""
        for i in range(len(self.name)):
            if self.within[i] or not self.occupies(i):
                continue
            at = self.lower[i]
            for start, end in self.gaps[i]:
                if at < start:
                    yield at, start, i
                at = end
            if at < self.upper[i]:
                yield at, self.upper[i], i

    def pieces(self):
        """What is needed of tensors with bytes of their own: (start, end, tensor, first, size)."""
        for i in range(len(self.name)):
            if not self.within[i]:
                for lower, upper, first, end in self.windows[i]:
                    yield lower, upper, i, first, end - first
        for start, end, i in self.live_ranges():
            if not self.windows[i]:
                yield start, end, i, 0, self.size[i]

    def computed_profile(self):
        """The load at each step at which it changes."""
        changes = {self.first_step: 0} if self.first_step < self.end_step else {}
        for start, end, _, _, size in self.pieces():
            changes[start] = changes.get(start, 0) + size
            changes[end] = changes.get(end, 0) - size
        load, profile = 0, []
        for step in sorted(changes):
            load += changes[step]
            if step < self.end_step:
                profile.append((step, load))
        return profile

    def check_overlaps(self, place):
        """No two tensors that are alive together share a byte; a sweep over the steps."""
        events = []
        pieces = list(self.pieces())
        for number, (start, end, *_) in enumerate(pieces):
            events.append((end, 0, number))
            events.append((start, 1, number))
        events.sort()
        begin = [self.offset[i] + first for _, _, i, first, _ in pieces]
        # The alive ones by offset: since they are disjoint, neighbours are all that can meet.
        alive = Sorted()
        for _, begins, number in events:
            if not begins:
                alive.remove((begin[number], number))
                continue
            below, above = alive.insert((begin[number], number))
            for low, high in ((below, number), (number, above)):
                if low is not None and high is not None:
                    need(
                        begin[low] + pieces[low][4] <= begin[high],
                        place,
                        f"tensors {pieces[low][2]} and {pieces[high][2]} share bytes while both "
                        "are alive",
                    )

    def check_claims(self, document, of, place):
        """What the map says of itself, against what its tensors say."""
        self.check_overlaps(f"{place}.tensors")
        ends = (self.offset[i] + self.size[i] for i in range(len(self.name)) if self.occupies(i))
        peak = max(ends, default=0)
        need(self.peak == peak, place, f"peak is {self.peak}, the tensors end at {peak}")
        self.profile = self.computed_profile()
        load = max((load for _, load in self.profile), default=0)
        need(self.load == load, place, f"load is {self.load}, its maximum is {load}")
        need(load <= self.lower_bound <= peak, place, f"lower_bound is {self.lower_bound}")
        need(not self.is_optimal or self.lower_bound == peak, place, "optimal above its bound")
        given = of.get("profile")
        need(isinstance(given, dict), f"{place}.profile", "missing")
        steps = document.numbers(given.get("step"), f"{place}.profile.step", least=-EXACT)
        loads = document.numbers(given.get("load"), f"{place}.profile.load")
        need(len(steps) == len(loads), f"{place}.profile", "columns of different lengths")
        need(steps == sorted(set(steps)), f"{place}.profile.step", "not in order")
        outside = [s for s in steps if not self.first_step <= s < self.end_step]
        need(not outside, f"{place}.profile.step", f"{outside[:1]} is outside of the map")
        need(
            without_repeats(zip(steps, loads)) == without_repeats(self.profile),
            f"{place}.profile",
            "it is not the load of the tensors",
        )
        savings = of.get("savings")
        need(savings is None or isinstance(savings, list), f"{place}.savings", "no list")
        for i, saving in enumerate(savings or []):
            where = f"{place}.savings[{i}]"
            need(saving.get("kind") in SAVINGS, where, f"kind {saving.get('kind')!r}")
            need(isinstance(saving.get("text"), str), where, "no text")
            sums = is_whole(saving.get("load")) and is_whole(saving.get("saves"))
            need(sums and saving["saves"] > 0, where, "it saves nothing")
            total = saving["load"] + saving["saves"]
            fault = f"load and savings are {total}, not the load without, {load}"
            need(total == load, where, fault)
        self.savings = savings
        self.read_execution(document, of.get("execution"), f"{place}.execution")
        self.read_recorded(document, of.get("recorded"), f"{place}.recorded")
        self.groups = self.read_groups(document, of.get("groups"), f"{place}.groups")
        self.streams = self.read_groups(document, of.get("streams"), f"{place}.streams")
        marks = of.get("marks", [])
        need(isinstance(marks, list), f"{place}.marks", "no list")
        for i, mark in enumerate(marks):
            is_mark = is_whole(mark.get("step")) and isinstance(mark.get("text"), str)
            need(is_mark, f"{place}.marks[{i}]", "neither step nor text")
            pool = mark.get("pool")
            is_known = pool is None or is_whole(pool) and 0 <= pool < len(self.pools)
            need(is_known, f"{place}.marks[{i}]", f"pool {pool!r} of {len(self.pools)}")
        self.marks = marks

    def read_execution(self, document, of, place):
        """Order and aliasing, and the names of the operators if the map has no operators."""
        self.execution = None
        self.order = None if self.operators is None else self.operators[0]
        if of is None:
            return
        for name in ("order", "aliasing"):
            need(isinstance(of.get(name), str), place, f"{name} is no text")
        load = of.get("file_load")
        need(load is None or is_whole(load) and load >= self.load, place, f"file_load {load!r}")
        if of.get("operators") is not None:
            need(self.operators is None, f"{place}.operators", "the map has operators already")
            names = f"{place}.operators"
            numbers = document.numbers(of["operators"], names, len(self.strings))
            self.order = [self.strings[i] for i in numbers]
        weights = of.get("weights")
        need(weights is None or is_whole(weights) and weights >= 0, place, f"weights {weights!r}")
        computed = ("computed_constants", "computed_constants_bytes")
        found = [of.get(name) for name in computed]
        are_positive = all(is_whole(number) and number > 0 for number in found)
        need(found == [None, None] or are_positive, place, f"computed constants {found}")
        fields = ("order", "aliasing", "file_load", "weights", *computed)
        self.execution = {name: of.get(name) for name in fields}

    def read_groups(self, document, of, place):
        """The bytes of the tensors of each group."""
        if of is None:
            return None
        names = of.get("names")
        are_texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
        need(are_texts, f"{place}.names", "no list of texts")
        groups = document.numbers(of.get("of"), f"{place}.of", len(names))
        need(len(groups) == len(self.name), f"{place}.of", f"{len(groups)} values")
        sizes = dict.fromkeys(names, 0)
        for i, group in enumerate(groups):
            sizes[names[group]] += self.size[i]
        return sizes

    def read_recorded(self, document, of, place):
        """What an allocator had: never less than is alive, in ranges that share no byte."""
        self.recorded = None
        self.pools = []
        if of is None:
            return
        reserved = of.get("reserved", {})
        steps = document.numbers(reserved.get("step"), f"{place}.reserved.step", least=-EXACT)
        sizes = document.numbers(reserved.get("bytes"), f"{place}.reserved.bytes")
        need(len(steps) == len(sizes), f"{place}.reserved", "columns of different lengths")
        need(steps == sorted(set(steps)), f"{place}.reserved.step", "not in order")
        outside = [s for s in steps if not self.first_step <= s < self.end_step]
        need(not outside, f"{place}.reserved.step", f"{outside[:1]} is outside of the map")
        lost = 0.0
        for step in sorted({*steps, *(step for step, _ in self.profile)}):
            at = bisect.bisect_right(steps, step) - 1
            live = self.profile[bisect.bisect_right(self.profile, (step, math.inf)) - 1][1]
            all_bytes = sizes[at] if at >= 0 else 0
            need(live <= all_bytes, f"{place}.reserved", f"step {step}: {live} of {all_bytes} live")
            lost = max(lost, (all_bytes - live) / all_bytes if all_bytes else 0)
        ranges = of.get("ranges", {})
        read = lambda name, least=0: document.numbers(
            ranges.get(name), f"{place}.ranges.{name}", least=least
        )
        lower, upper = read("lower", -EXACT), read("upper", -EXACT)
        offset, size = read("offset"), read("size")
        need(len({len(lower), len(upper), len(offset), len(size)}) == 1, place, "uneven ranges")
        self.check_ranges(lower, upper, offset, size, f"{place}.ranges")
        self.recorded = {"most": max(sizes, default=0), "lost": lost, "ranges": len(lower)}
        if of.get("range") is not None:
            ranges = list(zip(lower, upper, offset, size))
            self.check_range_of_blocks(document, of["range"], ranges, f"{place}.range")
        if of.get("pools") is not None:
            self.read_pools(document, of["pools"], size, f"{place}.pools")
        page = of.get("page_size")
        if page is not None:
            self.recorded["page_size"] = page
            need(is_whole(page) and page >= 1, place, f"page_size is {page!r}")
            self.check_pages(page, list(zip(steps, sizes)), f"{place}.reserved")

    def read_pools(self, document, of, sizes, place):
        """The bytes of the ranges of each pool."""
        names = of.get("names")
        are_texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
        need(are_texts and len(names) > 1, f"{place}.names", "not several texts")
        numbers = document.numbers(of.get("of"), f"{place}.of", len(names))
        need(len(numbers) == len(sizes), f"{place}.of", f"{len(numbers)} values")
        self.pools = dict.fromkeys(names, 0)
        for number, size in zip(numbers, sizes):
            self.pools[names[number]] += size
        self.recorded["pools"] = self.pools

    def check_range_of_blocks(self, document, column, ranges, place):
        """A block begins in its range, when it comes to be."""
        numbers = document.numbers(column, place, len(ranges) + 1)
        need(len(numbers) == len(self.name), place, f"{len(numbers)} values")
        for i, number in enumerate(numbers):
            if number and self.occupies(i):
                lower, upper, offset, size = ranges[number - 1]
                is_there = lower <= self.lower[i] < upper
                is_in = offset <= self.offset[i] < offset + size
                need(is_there and is_in, f"{place}[{i}]", f"it does not begin in range {number}")
        self.recorded["in_ranges"] = sum(map(bool, numbers))

    def check_pages(self, page, reserved, place):
        """At some steps: the bytes of the pages in which a block has a byte."""
        for step in range(self.first_step, self.end_step, self.steps_between_samples()):
            pages = set()
            for i in range(len(self.name)):
                if self.occupies(i) and self.lower[i] <= step < self.upper[i]:
                    end = self.offset[i] + self.size[i] - 1
                    pages.update(range(self.offset[i] // page, end // page + 1))
            at = bisect.bisect_right(reserved, (step, math.inf)) - 1
            stated = reserved[at][1] if at >= 0 else 0
            found = len(pages) * page
            need(stated == found, place, f"step {step}: {stated}, but {found} in pages")

    def steps_between_samples(self):
        return max(1, (self.end_step - self.first_step) // SAMPLED)

    def padding(self, i):
        """The bytes above a tensor that no other one can have."""
        if self.within[i] or not self.occupies(i):
            return 0
        end = self.offset[i] + self.size[i]
        return min(-end % self.least_alignment, self.peak - end)

    def check_ranges(self, lower, upper, offset, size, place):
        events = []
        for i, step in enumerate(lower):
            need(step < upper[i] and size[i] > 0, place, f"range {i} is empty")
            is_in = self.first_step <= step and upper[i] <= self.end_step
            need(is_in, place, f"range {i} is outside of the map")
            events += [(upper[i], 0, i), (step, 1, i)]
        there = Sorted()
        for _, begins, i in sorted(events):
            if not begins:
                there.remove((offset[i], i))
                continue
            below, above = there.insert((offset[i], i))
            for low, high in ((below, i), (i, above)):
                if low is not None and high is not None:
                    need(
                        offset[low] + size[low] <= offset[high],
                        place,
                        f"ranges {low} and {high} share bytes",
                    )

    def facts(self):
        fullest = next((s for s, load in self.profile if load == self.load), None)
        at_peak = sorted(
            (i for start, end, i in self.live_ranges() if start <= (fullest or 0) < end),
            key=lambda i: (-self.size[i], i),
        )
        views = sum(map(bool, self.within))
        return {
            "title": self.title,
            "peak": self.peak,
            "load": self.load,
            "lower_bound": self.lower_bound,
            "is_optimal": self.is_optimal,
            "strategy": self.strategy,
            "alignment": self.alignment,
            "capacity": self.capacity,
            "steps": [self.first_step, self.end_step],
            "operators": None if self.operators is None else len(self.operators[0]),
            "tensors": len(self.name),
            "within": views,
            "gaps": sum(map(len, self.gaps)),
            "changes_of_load": len(without_repeats(self.profile)),
            "fullest_step": fullest,
            "alive_at_fullest_step": len(at_peak),
            "largest_at_fullest_step": [self.card(i) for i in at_peak[:SHOWN]],
            "savings": self.savings,
            "execution": self.execution,
            "recorded": self.recorded,
            "groups": self.groups,
            "streams": self.streams,
            "least_alignment": self.least_alignment,
            "padding_at_fullest_step": sum(map(self.padding, at_peak)),
            "marks": self.marks,
            "cards": [self.card(i) for i in self.samples()],
        }

    def samples(self):
        """A few tensors, the same ones each time, from all parts of the list."""
        count = len(self.name)
        middles = ((2 * part + 1) * count // (2 * CARDS) for part in range(CARDS))
        return sorted({i for i in middles if i < count})

    def card(self, i):
        """What the page's card says of a tensor."""
        card = {
            "tensor": i,
            "name": self.name[i],
            "lower": self.lower[i],
            "upper": self.upper[i],
            "offset": self.offset[i],
            "size": self.size[i],
            "shape": self.shape[i],
            "element": self.element[i],
        }
        if self.within[i]:
            card["within"] = self.name[self.within[i] - 1]
        if self.operators is not None:
            names, _, reads, writes = self.operators
            for field, uses in (("written_by", writes), ("read_by", reads)):
                card[field] = [name for name, used in zip(names, uses) if i in used]
        return card


class HeapProfile:
    """The calls that allocated the tensors of a map, checked against those."""

    FIGURES = ("at_peak", "at_end", "allocated", "allocations")

    def __init__(self, document, of, maps, strings, place):
        need(isinstance(of, dict), place, "no profile")
        number, self.peak_step = of.get("map"), of.get("peak_step")
        need(is_whole(number) and 0 <= number < len(maps), place, f"map is {number!r}")
        need(is_whole(self.peak_step), place, f"peak_step is {self.peak_step!r}")
        self.number, self.map = number, maps[number]
        names = document.numbers(of.get("name"), f"{place}.name", len(strings))
        self.name = [strings[i] for i in names]
        self.parent = document.numbers(of.get("parent"), f"{place}.parent", len(self.name))
        for i, parent in enumerate(self.parent):
            need(parent <= i, f"{place}.parent[{i}]", f"it is within call {parent - 1}")
        pairs = list(zip(self.parent, self.name))
        need(len(set(pairs)) == len(pairs), place, "two calls of one name within the same call")
        self.own = {
            name: document.numbers(of.get(name), f"{place}.{name}") for name in self.FIGURES
        }
        for name, column in (("parent", self.parent), *self.own.items()):
            need(len(column) == len(self.name), f"{place}.{name}", f"{len(column)} values")
        self.check_totals(place)

    def check_totals(self, place):
        """The figures of all calls are those of the tensors; those at the end are not too many."""
        of, step = self.map, self.peak_step
        lives = zip(of.lower, of.upper, of.size)
        expected = {
            "at_peak": sum(size for lower, upper, size in lives if lower <= step < upper),
            "allocated": sum(of.size),
            "allocations": len(of.size),
        }
        for name, total in expected.items():
            found = sum(self.own[name])
            need(found == total, f"{place}.{name}", f"{found} in all, {total} of the tensors")
        need(sum(self.own["at_peak"]) == of.load, f"{place}.at_peak", "it is not the load")
        last = sum(size for upper, size in zip(of.upper, of.size) if upper == of.end_step)
        need(sum(self.own["at_end"]) in (0, last), f"{place}.at_end", f"it is not {last}")
        for i, allocated in enumerate(self.own["allocated"]):
            most = max(self.own["at_peak"][i], self.own["at_end"][i])
            need(most <= allocated, f"{place}.allocated[{i}]", f"less than {most} that are alive")

    def facts(self):
        totals = {name: list(column) for name, column in self.own.items()}
        for i in range(len(self.parent) - 1, -1, -1):
            for column in totals.values():
                if self.parent[i]:
                    column[self.parent[i] - 1] += column[i]
        outer = [i for i, parent in enumerate(self.parent) if not parent]
        return {
            "map": self.number,
            "calls": len(self.name),
            "own": {name: sum(column) for name, column in self.own.items()},
            "total": {name: sum(column[i] for i in outer) for name, column in totals.items()},
            "outermost": {
                self.name[i]: {name: column[i] for name, column in totals.items()} for i in outer
            },
        }


def changes(before, after):
    """How many tensors differ between two maps: those of one name are the same, in their order."""

    def by_name(of):
        found = {}
        for i, name in enumerate(of.name):
            found.setdefault(name, []).append(i)
        return found

    names, others = by_name(before), by_name(after)
    pairs = {}
    for name, tensors in names.items():
        if len(tensors) == len(others.get(name, ())):
            pairs.update(zip(tensors, others[name]))
    common = [
        (i, j) for i, j in pairs.items() if before.occupies(i) and after.occupies(j)
    ]
    lives = lambda of, i: (of.lower[i], of.upper[i])
    has_same_steps = all(lives(before, i) == lives(after, j) for i, j in pairs.items())
    orders = [before.order, after.order]
    if orders == [None, None] or None in orders and has_same_steps:
        order = "same"
    elif None in orders:
        order = "unknown"
    else:
        order = "same" if before.order == after.order else "other"
    return {
        "common": len(common),
        "moved": sum(before.offset[i] != after.offset[j] for i, j in common),
        "ends_earlier": sum(after.upper[j] < before.upper[i] for i, j in common),
        "ends_later": sum(after.upper[j] > before.upper[i] for i, j in common),
        "gone": sum(map(before.occupies, range(len(before.name)))) - len(common),
        "new": sum(map(after.occupies, range(len(after.name)))) - len(common),
        "order": order,
    }


class Sorted:
    """Sorted pairs in pieces of bounded length, since one long list is slow to insert into."""

    LENGTH = 512

    def __init__(self):
        self.pieces = [[]]

    def piece(self, pair):
        low, high = 0, len(self.pieces) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.pieces[middle][0] <= pair:
                low = middle
            else:
                high = middle - 1
        return low

    def insert(self, pair):
        """Inserts a pair; returns what its neighbours are of, None where there is none."""
        number = self.piece(pair)
        piece = self.pieces[number]
        at = bisect.bisect_left(piece, pair)
        below = piece[at - 1] if at else self.last_before(number)
        above = piece[at] if at < len(piece) else self.first_after(number)
        piece.insert(at, pair)
        if len(piece) > self.LENGTH:
            half = len(piece) // 2
            self.pieces[number : number + 1] = [piece[:half], piece[half:]]
        return below[1] if below else None, above[1] if above else None

    def last_before(self, number):
        return self.pieces[number - 1][-1] if number else None

    def first_after(self, number):
        return self.pieces[number + 1][0] if number + 1 < len(self.pieces) else None

    def remove(self, pair):
        number = self.piece(pair)
        piece = self.pieces[number]
        del piece[bisect.bisect_left(piece, pair)]
        if not piece and len(self.pieces) > 1:
            del self.pieces[number]


def check_calls(document, of, drawn, profiles, place):
    """The tensors that each call allocated are those of its figures."""
    need(isinstance(of, dict), place, "no object")
    number = of.get("profile")
    need(is_whole(number) and 0 <= number < len(profiles), place, f"profile is {number!r}")
    profile = profiles[number]
    numbers = document.numbers(of.get("of"), f"{place}.of", len(profile.name))
    need(len(numbers) == len(drawn.name), f"{place}.of", f"{len(numbers)} values")
    found = {name: [0] * len(profile.name) for name in ("at_peak", "allocated", "allocations")}
    for i, call in enumerate(numbers):
        found["allocations"][call] += 1
        found["allocated"][call] += drawn.size[i]
        if drawn.lower[i] <= profile.peak_step < drawn.upper[i]:
            found["at_peak"][call] += drawn.size[i]
    for name, sums in found.items():
        need(sums == profile.own[name], f"{place}.of", f"{name} of the calls is another")


def without_repeats(profile):
    """A profile without the steps at which nothing changes."""
    kept = []
    for step, load in profile:
        if not kept or kept[-1][1] != load:
            kept.append((step, load))
    return kept


def read(text):
    """The facts of a page, or a Fault."""
    page = Document(unpack(text))
    header = page.header
    need(isinstance(header, dict), "header", "no object")
    need(isinstance(header.get("generator"), str), "generator", "no text")
    need(header.get("kind") in KINDS, "kind", repr(header.get("kind")))
    need(isinstance(header.get("title"), str), "title", "no text")
    notes = header.get("notes")
    need(isinstance(notes, list), "notes", "no list")
    need(all(isinstance(note, str) for note in notes), "notes", "not all are text")
    strings = page.strings()
    maps = header.get("maps")
    need(isinstance(maps, list) and maps, "maps", "none")
    drawn = [Map(page, of, strings, f"maps[{i}]") for i, of in enumerate(maps)]
    profiles = header.get("profiles", [])
    need(isinstance(profiles, list), "profiles", "no list")
    calls = [
        HeapProfile(page, of, drawn, strings, f"profiles[{i}]") for i, of in enumerate(profiles)
    ]
    for i, (of, map_) in enumerate(zip(maps, drawn)):
        if "calls" in of:
            check_calls(page, of["calls"], map_, calls, f"maps[{i}].calls")
    titles = [of.title for of in drawn]
    need(len(drawn) == 1 or all(titles), "maps", f"not all have a title: {titles}")
    page.check_columns()
    first = {of.memory: of for of in reversed(drawn)}
    return {
        "generator": header["generator"],
        "kind": header["kind"],
        "title": header["title"],
        "notes": notes,
        "maps": [of.facts() for of in drawn],
        "profiles": [of.facts() for of in calls],
        "changes": [changes(first[of.memory], of) for of in drawn if of is not first[of.memory]],
    }


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            facts = read(file.read())
    except (Fault, OSError) as error:
        print(f"{sys.argv[1]}: {error}", file=sys.stderr)
        return 1
    json.dump(facts, sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
