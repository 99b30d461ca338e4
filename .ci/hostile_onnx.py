"""ONNX files made to do harm, for hostile_files.py.

Stands on nothing: messages are written byte by byte, since no library writes what is not valid.
Each file has about as many bytes as asked for. Numbers are those of the public `onnx.proto`.
"""

import random

FLOAT, INT64, BOOL = 1, 7, 9
EXTERNAL = 1


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def part(number, content):
    """A field: a message, text or a number."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def parts(number, contents):
    return b"".join(part(number, content) for content in contents)


def shape(dims):
    one = lambda dim: part(1, dim) if isinstance(dim, int) else part(2, dim) if dim else b""
    return parts(1, map(one, dims))


def value(name, dims, element=FLOAT):
    return part(1, name) + part(2, part(1, part(1, element) + part(2, shape(dims))))


def node(operator, inputs, outputs, name="", attributes=(), domain=""):
    text = parts(1, inputs) + parts(2, outputs) + part(4, operator) + parts(5, attributes)
    return text + (part(3, name) if name else b"") + (part(7, domain) if domain else b"")


def tensor(name, dims, element=INT64, numbers=None, more=b""):
    data = b"".join(n.to_bytes(8, "little", signed=True) for n in numbers or ())
    text = parts(1, dims) + part(2, element) + part(8, name) + more
    return text + (part(9, data) if numbers is not None else b"")


def attribute(name, field, content, kind):
    return part(1, name) + part(field, content) + part(20, kind)


def number(name, content):
    return attribute(name, 3, content, 2)


def body(name, content):
    return attribute(name, 6, content, 5)


def graph(nodes, inputs=None, outputs=None, weights=(), stated=()):
    inputs = [value("x", [4])] if inputs is None else inputs
    outputs = [value("y", [4])] if outputs is None else outputs
    text = parts(1, nodes) + part(2, "g") + parts(5, weights)
    return text + parts(11, inputs) + parts(12, outputs) + parts(13, stated)


def model(content, functions=(), domains=("",), version=17):
    opsets = parts(8, [part(1, domain) + part(2, version) for domain in domains])
    return part(1, 8) + opsets + part(7, content) + parts(25, functions)


def function(name, nodes, inputs=("a",), outputs=("b",)):
    text = part(1, name) + parts(4, inputs) + parts(5, outputs) + parts(7, nodes)
    return text + part(9, part(1, "") + part(2, 17)) + part(9, part(1, "f")) + part(10, "f")


def chain(count):
    """`x` through so many operators to `y`."""
    names = ["x", *(f"t{i}" for i in range(1, count)), "y"]
    links = zip(names, names[1:])
    return model(graph([node("Relu", [a], [b]) for a, b in links]))


def many_dimensions(count):
    dims = [value(f"x{i}", [4, f"d{i}"]) for i in range(count)]
    nodes = [node("Relu", [f"x{i}"], [f"y{i}"], f"n.{i}") for i in range(count)]
    return model(graph(nodes, dims, [value("y0", [4, "d0"])]))


def many(size, one):
    """What `one` makes of 0, 1, 2, ..., as much as fits."""
    made, length, index = [], 0, 0
    while length < size:
        made.append(one(index))
        length += len(made[-1]) + 4
        index += 1
    return made


def calling(depth, width, leaf):
    """Functions of which each calls the next one several times."""
    made = [function(f"f{depth}", [leaf])]
    for level in range(depth):
        steps = ["a", *(f"t{i}" for i in range(1, width)), "b"]
        calls = [node(f"f{level + 1}", [s], [t], "", (), "f") for s, t in zip(steps, steps[1:])]
        made.append(function(f"f{level}", calls))
    return model(graph([node("f0", ["x"], ["y"], "", (), "f")]), made, ("", "f"))


def nested(depth, inner, operator="If", name="then_branch"):
    """Bodies in bodies."""
    content = inner
    for _ in range(depth):
        step = node(operator, ["c"], ["r"], "", [body(name, content)])
        content = graph([step], [], [value("r", [4])])
    return content


def duplicates(size):
    """Names that occur more than once."""
    relu = node("Relu", ["x"], ["y"])
    sized = lambda one: many(size, one)
    yield "inputs of one name", model(graph([relu], sized(lambda i: value("x", [4]))))
    named = sized(lambda i: value("x", ["a", "b"]))
    yield "inputs of one name with dimensions", model(graph([relu], named))
    blank = sized(lambda i: value("x", ["", ""]))
    yield "inputs of one name without sizes", model(graph([relu], blank))
    ends = sized(lambda i: value("y", [4]))
    yield "outputs of one name", model(graph([relu], None, ends))
    yield "stated of one name", model(graph([relu], None, None, (), ends))
    weights = sized(lambda i: tensor("w", [1], INT64, [1]))
    yield "weights of one name", model(graph([relu], None, None, weights))
    nodes = sized(lambda i: node("Relu", ["x"], [f"y{i}"], "n"))
    last = [value("y0", [4])]
    yield "nodes of one name", model(graph(nodes, None, last))
    copies = sized(lambda i: node("Relu", ["x"], [f"y{i}"], "n" if i % 2 else f"n#{i // 2}"))
    yield "nodes whose names have numbers", model(graph(copies, None, last))
    writers = sized(lambda i: node("Relu", ["x"], ["y"]))
    yield "nodes of one result", model(graph(writers))
    unnamed = sized(lambda i: node("Relu", ["x"], [""]))
    yield "nodes without results", model(graph([*unnamed, relu]))
    attributes = sized(lambda i: number("axis", i))
    same = node("Softmax", ["x"], ["y"], "", attributes)
    yield "attributes of one name", model(graph([same]))
    functions = sized(lambda i: function("f", [node("Relu", ["a"], ["b"])]))
    call = node("f", ["x"], ["y"], "", (), "f")
    yield "functions of one name", model(graph([call]), functions, ("", "f"))
    dims = sized(lambda i: value(f"x{i}", ["d"] * 32))
    yield "dimensions of one name", model(graph([node("Relu", ["x0"], ["y"])], dims))
    domains = ["d"] * (size // 6)
    yield "operator sets of one domain", model(graph([relu]), (), domains)
    branches = [body("then_branch", graph([], [], [value("x", [4])]))] * (size // 60)
    choice = node("If", ["c"], ["y"], "", branches)
    inputs = [value("x", [4]), value("c", [], BOOL)]
    yield "branches of one name", model(graph([choice], inputs))


def wide(size):
    """Operators with many operands, results, attributes."""
    operands = ["x"] * (size // 3)
    for operator in ("Concat", "Sum", "Unknown", "SequenceConstruct"):
        attributes = [number("axis", 0)] if operator == "Concat" else []
        step = node(operator, operands, ["s"], "", attributes)
        outputs = [value("y", [4])]
        after = node("Relu", ["x"], ["y"])
        yield f"{operator} of one operand many times", model(graph([step, after], None, outputs))
    made = many(size // 2, lambda i: node("Relu", ["x"], [f"t{i}"]))
    names = [f"t{i}" for i in range(len(made))]
    join = node("Concat", names, ["y"], "", [number("axis", 0)])
    ends = [value("y", [""])]
    yield "one operand of many, all of them joined", model(graph([*made, join], None, ends))
    names = [f"t{i}" for i in range(size // 8)]
    split = node("Split", ["x"], names)
    ends = [value("t0", [""])]
    yield "Split into many", model(graph([split], [value("x", [len(names)])], ends))
    yield "Unknown with many results", model(graph([node("Huh", ["x"], names)], None, ends))
    views = many(size, lambda i: node("Identity", ["x"], [f"t{i}"]))
    yield "many views of one", model(graph(views, None, [value("t0", [4])]))
    all_ends = [value(f"t{i}", [4]) for i in range(size // 40)]
    made = [node("Relu", ["x"], [f"t{i}"]) for i in range(size // 40)]
    yield "many outputs", model(graph(made, None, all_ends))
    inputs = many(size, lambda i: value(f"x{i}", [4]))
    yield "many inputs", model(graph([node("Relu", ["x0"], ["y"])], inputs))
    unknown = many(size, lambda i: node(f"Op{i}", ["x"], [f"t{i}"], "", (), f"d{i}"))
    yield "many unknown operators", model(graph(unknown, None, [value("t0", [4])]))
    weights = many(size, lambda i: tensor(f"w{i}", [], INT64, [i]))
    yield "many tiny weights", model(graph([node("Relu", ["x"], ["y"])], None, None, weights))
    zeros = [b""] * (size // 2)
    for field, kind in ((1, "nodes"), (5, "weights"), (11, "inputs"), (12, "outputs")):
        yield f"many empty {kind}", model(parts(field, zeros))


def deep(size):
    """Chains, bodies in bodies, functions that call functions."""
    yield "a chain", chain(size // 22)
    step = lambda i: node("Add", [f"t{i - 1}", "x"] if i else ["x", "x"], [f"t{i}"])
    adds = many(size, step)
    yield "a chain of sums", model(graph(adds, None, [value(f"t{len(adds) - 1}", [4])]))
    views = many(size, lambda i: node("Identity", [f"t{i - 1}" if i else "x"], [f"t{i}"]))
    yield "a chain of views", model(graph(views, None, [value(f"t{len(views) - 1}", [4])]))
    later = [node("Relu", [f"t{i + 1}"], [f"t{i}"]) for i in range(size // 24)]
    yield "a chain in the wrong order", model(graph(later, None, [value("t0", [4])]))
    leaf = graph([node("Relu", ["x"], ["r"])], [], [value("r", [4])])
    inputs = [value("x", [4]), value("c", [], BOOL)]
    for depth in (30, min(size // 40, 3000)):
        inner = nested(depth, leaf)
        top = node("If", ["c"], ["y"], "", [body("then_branch", inner), body("else_branch", leaf)])
        yield f"{depth} bodies in bodies", model(graph([top], inputs))
    relu = node("Relu", ["a"], ["b"])
    yield "functions that explode", calling(24, 2, relu)
    yield "functions that explode at once", calling(4, 200, relu)
    yield "a chain of functions", calling(size // 60, 1, relu)
    own = function("f", [node("f", ["a"], ["b"], "", (), "f")])
    call = [node("f", ["x"], ["y"], "", (), "f")]
    yield "a function that calls itself", model(graph(call), [own], ("", "f"))
    calls = [
        node("f", [f"t{i - 1}" if i else "x"], [f"t{i}"], "", (), "f") for i in range(size // 30)
    ]
    plain = function("f", [relu])
    ends = [value("t0", [4])]
    yield "many calls of a function", model(graph(calls, None, ends), [plain], ("", "f"))
    heavy = function("f", many(size // 2, lambda i: node("Relu", ["a"], [f"b{i}" if i else "b"])))
    few = calls[: size // 60]
    yield "many calls of a large function", model(graph(few, None, ends), [heavy], ("", "f"))
    capture = graph([node("Relu", ["x"], ["r"])], [], [value("r", [4])])
    both = [body("then_branch", capture), body("else_branch", capture)]
    ifs = many(size, lambda i: node("If", ["c"], [f"t{i}"], "", both))
    yield "many branches", model(graph(ifs, inputs, [value("t0", [4])]))
    ifs = many(size, lambda i: node("If", ["c"], [f"t{i}"], "n", both))
    yield "many branches of one name", model(graph(ifs, inputs, [value("t0", [4])]))
    yield "loops in loops", loops(8, size)


def loops(depth, size):
    """Loops in loops, each with states, of which the innermost has many nodes."""
    width = size // 40
    nodes = [node("Relu", ["s" if i == 0 else f"t{i - 1}"], [f"t{i}"]) for i in range(width)]
    states = [value("i", [], INT64), value("c", [], BOOL), value("s", [4])]
    content = graph(nodes, states, [value("c", [], BOOL), value(f"t{width - 1}", [4])])
    for _ in range(depth):
        step = node("Loop", ["", "", "s"], ["r"], "", [body("body", content)])
        content = graph([step], states, [value("c", [], BOOL), value("r", [4])])
    top = node("Loop", ["", "", "x"], ["y"], "", [body("body", content)])
    return model(graph([top]))


def numbers(size):
    """Sizes and names beyond all bounds."""
    huge = 2**62
    relu = node("Relu", ["x"], ["y"])
    yield "dimensions of 2^62", model(graph([relu], [value("x", [huge, huge])], []))
    yield "negative dimensions", model(graph([relu], [value("x", [-1, -(2**63)])], []))
    yield "a shape of many dimensions", model(graph([relu], [value("x", [1] * (size // 4))]))
    yield "a long name", model(graph([node("Relu", ["x"], ["y"], "n" * size)]))
    long = "n" * 60_000
    named = [node("Relu", ["x"], [f"{long}{i}"]) for i in range(size // 60_000)]
    yield "long names", model(graph(named, None, [value(f"{long}0", [4])]))
    yield "a long operator", model(graph([node("O" * size, ["x"], ["y"])]))
    dims = [value("x", ["+".join(["a"] * (size // 2))])]
    yield "an expression of many terms", model(graph([relu], dims))
    dims = many(size, lambda i: value(f"x{i}", [f"a{i} + a{i + 1}", f"b{i} * 2"]))
    yield "many expressions", model(graph([node("Relu", ["x0"], ["y"])], dims))
    dims = many(size, lambda i: value(f"x{i}", ["", ""]))
    yield "many dimensions without a name", model(graph([node("Relu", ["x0"], ["y"])], dims))
    found = many(size, lambda i: node("NonZero", ["x"], [f"t{i}"]))
    yield "many sizes from data", model(graph(found, None, [value("t0", [1, ""])]))
    joined = [node("NonZero", ["x"], ["t0"])]
    joined += many(
        size, lambda i: node("Concat", [f"t{i}", f"t{i}"], [f"t{i + 1}"], "", [number("axis", 1)])
    )
    yield "sizes that double", model(graph(joined, None, [value("t0", [1, ""])]))
    counts = tensor("n", [size // 8], INT64, [1] * (size // 8))
    wanted = [node("Reshape", ["x", "n"], ["y"])]
    yield "Reshape to many dimensions", model(graph(wanted, None, None, [counts]))
    elsewhere = many(size, lambda i: tensor(f"w{i}", [2], INT64, None, part(14, EXTERNAL)))
    uses = [node("Reshape", ["x", "w0"], ["y"])]
    yield "weights elsewhere", model(graph(uses, None, [value("y", ["", ""])], elsewhere))
    constants = many(size, lambda i: node("Shape", ["x"], [f"t{i}"]))
    yield "many constants", model(graph(constants, None, [value("t0", [1], INT64)]))
    steps = [node("Shape", ["x"], ["t0"])]
    steps += many(size, lambda i: node("Add", [f"t{i}", f"t{i}"], [f"t{i + 1}"]))
    yield "constants that double", model(graph(steps, None, [value("t0", [1], INT64)]))
    large = tensor("c", [4096], INT64, [1] * 4096)
    steps = many(size, lambda i: node("Add", [f"t{i - 1}" if i else "c", "c"], [f"t{i}"]))
    yield "large constants", model(graph(steps, None, [value("t0", [4096], INT64)], [large]))


def noise(size):
    """Bytes that are no model, or hardly one."""
    dice = random.Random(7)
    yield "at random", part(1, 8) + dice.randbytes(size)
    yield "fields at random", b"".join(
        part(dice.randrange(1, 32), dice.randbytes(dice.randrange(9))) for _ in range(size // 8)
    )
    whole = bytearray(chain(size // 22))
    for _ in range(50):
        whole[dice.randrange(len(whole))] = dice.randrange(256)
    yield "a chain with wrong bytes", bytes(whole)
    yield "groups in groups", part(1, 8) + b"\x3b" * size
    yield "a length without end", part(1, 8) + varint(7 << 3 | 2) + b"\xff" * size


def models(size):
    """Names and contents of all files."""
    for kind in (duplicates, wide, deep, numbers, noise):
        for name, content in kind(size):
            yield name, content
