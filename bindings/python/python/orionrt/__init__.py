"""Static memory planning: at which offset of one region each tensor lies.

>>> import orionrt
>>> plan = orionrt.plan([("a", 0, 2, 1024), ("b", 1, 3, 2048), ("c", 2, 4, 1024)])
>>> plan.peak, plan.optimal
(3072, True)
>>> plan["a"].offset == plan["c"].offset
True

Steps count positions in the order of execution, and a tensor is alive in `lower..upper`, without
`upper`. Sizes, alignments and offsets are in bytes, times in seconds.
"""

from ._errors import (
    ArenaError,
    CapacityError,
    CountError,
    DeviceError,
    FileError,
    GraphError,
    InputError,
    LeaseError,
    LifetimeError,
    MisalignedError,
    MisplacedError,
    MissingDimsError,
    ModelError,
    OrderError,
    OrionError,
    OutOfRangeError,
    OverlapError,
    PlanError,
    SharingError,
    UnknownDimError,
)
from ._native import (
    Arena,
    Cancel,
    Column,
    Graph,
    Lifetimes,
    Model,
    Plan,
    Progress,
    SharedPlan,
    Slot,
    Tensor,
)
from ._planning import (
    check,
    dimensions,
    load,
    plan,
    plan_model,
    read_model,
    share,
    strategies,
)
from ._recording import HeapStatistics, Recording, heap_statistics, read_recording
from ._sharing import Sharing, SharingPair, sharing


__all__ = [
    "Arena",
    "ArenaError",
    "Cancel",
    "CapacityError",
    "Column",
    "CountError",
    "DeviceError",
    "FileError",
    "Graph",
    "GraphError",
    "HeapStatistics",
    "InputError",
    "LeaseError",
    "LifetimeError",
    "Lifetimes",
    "MisalignedError",
    "MisplacedError",
    "MissingDimsError",
    "Model",
    "ModelError",
    "OrderError",
    "OrionError",
    "OutOfRangeError",
    "OverlapError",
    "Plan",
    "PlanError",
    "Progress",
    "Recording",
    "SharedPlan",
    "Sharing",
    "SharingError",
    "SharingPair",
    "Slot",
    "Tensor",
    "UnknownDimError",
    "check",
    "dimensions",
    "heap_statistics",
    "load",
    "plan",
    "plan_model",
    "read_model",
    "read_recording",
    "share",
    "sharing",
    "strategies",
]
