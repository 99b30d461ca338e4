"""ONNX Runtime with every allocation counted, through its C interface.

Stands on the shared library in the PyPI package onnxruntime and on the C library. ONNX Runtime lets
a program register an allocator, which its sessions then use instead of an arena; this one takes the
bytes from the C library and counts them. The table of C functions only ever grows at its end, so
the places of the few that are needed here are the same in every version.
"""

import contextlib
import ctypes
import pathlib
import re

import onnx
import onnxruntime

API_VERSION = 11
# Places in the table of functions.
GET_ERROR_MESSAGE, CREATE_ENV_WITH_LOGGER, CREATE_SESSION, RUN = 2, 4, 7, 9
CREATE_OPTIONS, DISABLE_MEM_PATTERN, DISABLE_ARENA, SET_OPTIMISATION = 10, 17, 19, 23
SET_THREADS, TENSOR_WITH_DATA, CPU_MEMORY_INFO, RELEASE_STATUS = 24, 49, 69, 93
RELEASE_SESSION, RELEASE_VALUE, ADD_CONFIG, REGISTER_ALLOCATOR = 95, 96, 130, 176

INFO = 1
DEVICE_ALLOCATOR, DEFAULT_MEMORY = 0, 0
OPTIMISED, UNOPTIMISED = 99, 0

POINTER = ctypes.c_void_p
ALLOC = ctypes.CFUNCTYPE(POINTER, POINTER, ctypes.c_size_t)
FREE = ctypes.CFUNCTYPE(None, POINTER, POINTER)
INFO_OF = ctypes.CFUNCTYPE(POINTER, POINTER)
LOG = ctypes.CFUNCTYPE(None, POINTER, ctypes.c_int, *[ctypes.c_char_p] * 4)


class OrtAllocator(ctypes.Structure):
    """An allocator as the C interface has it."""

    _fields_ = [
        ("version", ctypes.c_uint32),
        ("alloc", ALLOC),
        ("free", FREE),
        ("info", INFO_OF),
    ]


class Counter:
    """An allocator on the C library's heap that knows what is in use."""

    def __init__(self, info):
        self.libc = ctypes.CDLL(None)
        self.libc.aligned_alloc.restype = POINTER
        self.libc.aligned_alloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
        self.libc.free.argtypes = [POINTER]
        self.sizes, self.current, self.peak, self.requests = {}, 0, 0, []
        self.structure = OrtAllocator(
            API_VERSION, ALLOC(self.alloc), FREE(self.free), INFO_OF(lambda _: info)
        )

    def alloc(self, _, size):
        if not size:
            return None
        pointer = self.libc.aligned_alloc(64, -(-size // 64) * 64)
        self.sizes[pointer] = size
        self.current += size
        self.peak = max(self.peak, self.current)
        self.requests.append(size)
        return pointer

    def free(self, _, pointer):
        if pointer:
            self.current -= self.sizes.pop(pointer)
            self.libc.free(pointer)

    @contextlib.contextmanager
    def counting(self):
        """Counts within the block; the result has the bytes above what was in use before."""
        before, counted = self.current, {}
        self.peak, self.requests = before, []
        yield counted
        counted["peak"], counted["requests"] = self.peak - before, self.requests


def address(value):
    """A machine word for an argument: a number itself, the address of everything else."""
    if isinstance(value, int):
        return value
    if isinstance(value, bytes):
        return ctypes.cast(ctypes.c_char_p(value), POINTER).value
    if isinstance(value, LOG):
        return ctypes.cast(value, POINTER).value
    return ctypes.addressof(value)


class Runtime:
    """The C interface, with a counting allocator that sessions may use."""

    def __init__(self):
        (path,) = pathlib.Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*")
        library = ctypes.CDLL(str(path))
        library.OrtGetApiBase.restype = POINTER
        base = ctypes.cast(library.OrtGetApiBase(), ctypes.POINTER(POINTER))
        get_api = ctypes.CFUNCTYPE(POINTER, ctypes.c_uint32)(base[0])
        self.table = ctypes.cast(get_api(API_VERSION), ctypes.POINTER(POINTER))
        self.messages = []
        self.logger = LOG(lambda *line: self.messages.append(line[-1].decode(errors="replace")))
        self.env = self.made(CREATE_ENV_WITH_LOGGER, self.logger, 0, INFO, b"count")
        self.info = self.made(CPU_MEMORY_INFO, DEVICE_ALLOCATOR, DEFAULT_MEMORY)
        self.counter = Counter(self.info)
        self.call(REGISTER_ALLOCATOR, self.env, self.counter.structure)

    def call(self, place, *arguments):
        """Calls a function that returns a status; all its arguments are machine words."""
        function = ctypes.CFUNCTYPE(POINTER, *[ctypes.c_size_t] * len(arguments))
        status = function(self.table[place])(*map(address, arguments))
        if status:
            text = ctypes.CFUNCTYPE(ctypes.c_char_p, POINTER)(self.table[GET_ERROR_MESSAGE])
            message = text(status).decode(errors="replace")
            self.release(RELEASE_STATUS, status)
            raise RuntimeError(message)

    def made(self, place, *arguments):
        """The pointer that a function writes to its last argument."""
        pointer = POINTER()
        self.call(place, *arguments, pointer)
        return pointer.value

    def release(self, place, pointer):
        ctypes.CFUNCTYPE(None, POINTER)(self.table[place])(pointer)

    @contextlib.contextmanager
    def session(self, model, optimisation, counted=False, patterns=True):
        """A session on one thread; `counted` replaces its arena with the counting allocator."""
        options = self.made(CREATE_OPTIONS)
        self.call(SET_THREADS, options, 1)
        self.call(SET_OPTIMISATION, options, optimisation)
        if counted:
            self.call(DISABLE_ARENA, options)
            self.call(ADD_CONFIG, options, b"session.use_env_allocators", b"1")
        if not patterns:
            self.call(DISABLE_MEM_PATTERN, options)
        session = self.made(CREATE_SESSION, self.env, str(model).encode(), options)
        try:
            yield session
        finally:
            self.release(RELEASE_SESSION, session)

    def run(self, session, feed, outputs):
        """Runs a model and drops its outputs."""
        tensors = [self.tensor(value) for value in feed.values()]
        names = [(ctypes.c_char_p * max(len(part), 1))(*(name.encode() for name in part))
                 for part in (feed, outputs)]
        inputs = (POINTER * max(len(tensors), 1))(*tensors)
        results = (POINTER * len(outputs))()
        self.call(
            RUN, session, 0, names[0], inputs, len(tensors), names[1], len(outputs), results
        )
        for value in [*tensors, *results]:
            self.release(RELEASE_VALUE, value)

    def tensor(self, value):
        """A tensor on the bytes of an array."""
        shape = (ctypes.c_int64 * max(value.ndim, 1))(*value.shape)
        kind = onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
        where = value.ctypes.data
        return self.made(
            TENSOR_WITH_DATA, self.info, where, value.nbytes, shape, value.ndim, int(kind)
        )


def measure(model, feed, outputs):
    """What ONNX Runtime takes to run a model; `feed` has its inputs, `outputs` their names.

    * `allocated`: the most that a run has allocated at once, arena and memory pattern off. Outputs
      and the kernels' scratch are included, inputs are not: they are the caller's;
    * `unoptimised`: the same without graph optimisations;
    * `pattern`: the block that a second run takes for its memory pattern, 0 if it takes none;
    * `with_pattern`: the most that this second run has allocated at once;
    * `arena`: what the default arena has taken from the system after two runs, without weights.
    """
    runtime, found = Runtime(), {}
    for key, optimisation in (("allocated", OPTIMISED), ("unoptimised", UNOPTIMISED)):
        with runtime.session(model, optimisation, counted=True, patterns=False) as session:
            runtime.run(session, feed, outputs)
            with runtime.counter.counting() as counted:
                runtime.run(session, feed, outputs)
            found[key] = counted["peak"]
    with runtime.session(model, OPTIMISED, counted=True) as session:
        with runtime.counter.counting() as first:
            runtime.run(session, feed, outputs)
        with runtime.counter.counting() as second:
            runtime.run(session, feed, outputs)
        # The block is the first request of a run; a run without a pattern never makes it.
        block = second["requests"][0] if second["requests"] else 0
        found["pattern"] = block if first["requests"][:1] != [block] else 0
        found["with_pattern"] = second["peak"]
    runtime.messages.clear()
    with runtime.session(model, OPTIMISED) as session:
        runtime.run(session, feed, outputs)
        runtime.run(session, feed, outputs)
        grown = [re.match(r"Extended allocation by (\d+) bytes", m) for m in runtime.messages]
        found["arena"] = sum(int(match[1]) for match in grown if match)
    return found
