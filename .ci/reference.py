"""What ONNX Runtime computes: the true value of every tensor of a model's main graph.

Stands on the PyPI packages numpy, onnx and onnxruntime. All graph optimisations are off, so that
every tensor that the file names is computed as the file says.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import AttributeProto, TensorProto

# Operators that do not look at the values of all that they read, only at dimensions or types: how
# many of their operands' values they use.
VALUES_USED = {"Shape": 0, "Size": 0, "EyeLike": 0, "CastLike": 1}
# Operators that make another value each time, whatever they read.
RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"}


def bodies(node):
    """The attributes of a node that are graphs, as pairs of the attribute's name and the graph."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.name, attribute.g
        elif attribute.type == AttributeProto.GRAPHS:
            yield from ((attribute.name, graph) for graph in attribute.graphs)


def captures(graph):
    """The names that a body reads from the graphs around it."""
    own = {value.name for value in graph.input} | {value.name for value in graph.initializer}
    own |= {value.values.name for value in graph.sparse_initializer}
    for node in graph.node:
        yield from (name for name in operands(node) if name not in own)
        own |= set(node.output)
    yield from (value.name for value in graph.output if value.name not in own)


def operands(node):
    """The names that a node reads, those that its bodies read from outside included."""
    names = [name for name in node.input if name]
    for _, graph in bodies(node):
        names.extend(captures(graph))
    return list(dict.fromkeys(names))


def kept_operands(node):
    """The names that a node reads until its end.

    With bodies, these are what the bodies read from outside and what Scan takes apart. A condition,
    a number of iterations and initial values are read before the first body runs.
    """
    graphs = [graph for _, graph in bodies(node)]
    if not graphs:
        return operands(node)
    kept = [name for graph in graphs for name in captures(graph)]
    for attribute in node.attribute:
        if attribute.name == "num_scan_inputs":
            kept += node.input[len(node.input) - attribute.i :]
    return list(dict.fromkeys(kept))


def results(node):
    return [name for name in node.output if name]


def name_of(node):
    """What a node is called: by its first result if it has no name."""
    return node.name or next(iter(results(node)), "")


def inputs(graph):
    """The inputs of a graph that a caller must give: weights are none."""
    weights = {value.name for value in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def dependent(graph, fixed=()):
    """The names of all values that depend on the values of inputs that are not fixed."""
    found = {value.name for value in inputs(graph)} - set(fixed)
    for node in graph.node:
        used = VALUES_USED.get(node.op_type)
        reads = operands(node) if used is None else node.input[:used]
        if not found.isdisjoint(reads) or node.op_type in RANDOM:
            found.update(results(node))
    return found


def downstream(graph, nodes):
    """The names of all values that follow from those of `nodes`, names of nodes or of results.

    A node of a body is named NODE/ATTRIBUTE/...
    """
    found = set()
    for node in graph.node:
        own, body = {node.name, *results(node)}, f"{name_of(node)}/"
        named = any(other in own or other.startswith(body) for other in nodes)
        if named or not found.isdisjoint(operands(node)):
            found.update(results(node))
    return found


def shape_of(value, dims):
    """The dimensions of an input; `dims` has the open ones by name, or as INPUT.AXIS."""
    sizes = []
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        size = dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        size = size or dims.get(dim.dim_param) or dims.get(f"{value.name}.{axis}")
        if size is None:
            raise ValueError(f"axis {axis} of {value.name} has no size")
        sizes.append(size)
    return sizes


def random_inputs(graph, dims, given, seed=0):
    """Random values for the inputs of a graph; `given` has those that cannot be random.

    Integers are small, since many are indices or lengths.
    """
    rng = np.random.default_rng(seed)
    feed = {}
    for value in inputs(graph):
        kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        shape = shape_of(value, dims)
        if value.name in given:
            made = np.broadcast_to(np.asarray(given[value.name]), shape)
        elif np.issubdtype(kind, np.integer):
            made = rng.integers(1, 4, shape)
        elif kind == np.bool_:
            made = rng.integers(0, 2, shape)
        else:
            made = rng.standard_normal(shape)
        feed[value.name] = np.ascontiguousarray(made).astype(kind).reshape(shape)
    return feed


def session(model, **options):
    """A session on one thread without graph optimisations."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4
    for name, value in options.items():
        setattr(settings, name, value)
    return onnxruntime.InferenceSession(
        model, sess_options=settings, providers=["CPUExecutionProvider"]
    )


def values(model, feed):
    """The value of every input of the main graph and of every result of its nodes, by name.

    A value that is no tensor (a sequence, a map, an absent optional) is what ONNX Runtime's
    Python interface returns for it.
    """
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    names = [name for node in model.graph.node for name in results(node)]
    del shown.graph.output[:]
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    computed = session(shown.SerializeToString()).run(names, feed)
    return feed | dict(zip(names, computed))


def is_tensor(value):
    """Whether a value has bytes of its own that a plan can place."""
    return isinstance(value, np.ndarray) and value.dtype.kind not in "OUS"


def packed_bits(kind):
    """The bits of an element of a type that is stored packed; nothing for other types."""
    names = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}
    return names.get(TensorProto.DataType.Name(kind))
