"""Plans in TensorFlow Lite models, which TensorFlow Lite Micro obeys.

    import orionrt.tflite

    plan = orionrt.tflite.plan_file("model.tflite", "planned.tflite")

writes a copy of the model with the metadata `OfflineMemoryAllocation`: an offset in bytes for each
tensor that the runtime places in its arena. The runtime then does not plan by itself. Everything
else of the file stays as it is.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Literal

from . import Cancel, Plan, Progress, plan_model
from ._native import with_offline_plan, write_file

__all__ = ["plan_file", "with_plan"]


def plan_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    /,
    *,
    alignment: int | None = None,
    capacity: int | None = None,
    time_limit: float | None = None,
    nodes: int | None = None,
    threads: int = 1,
    seed: int = 0,
    strategy: str = "auto",
    keep: Plan | None = None,
    start_from: Plan | None = None,
    cancel: Cancel | None = None,
    progress: Callable[[Progress], object] | None = None,
    on_interrupt: Literal["best", "raise"] = "raise",
) -> Plan:
    """Plans a model for TensorFlow Lite Micro and writes a copy with the plan in it.

    Only tensors that the runtime places are planned, at multiples of 16 bytes, in the order of the
    operators in the file. Results of reshapes share the bytes of their operands. The copy takes the
    name of the target when it is complete, so that source and target may be the same file.

    The keyword arguments are those of `orionrt.plan`; Ctrl-C is raised unless `on_interrupt` is
    `"best"`. Returns the plan.
    """
    model = pathlib.Path(source).read_bytes()
    plan = plan_model(
        model,
        micro=True,
        aliasing="views",
        capacity=capacity,
        alignment=alignment,
        time_limit=time_limit,
        nodes=nodes,
        threads=threads,
        seed=seed,
        strategy=strategy,
        keep=keep,
        start_from=start_from,
        cancel=cancel,
        progress=progress,
        on_interrupt=on_interrupt,
    )
    write_file(target, with_plan(model, plan))
    return plan


def with_plan(model: bytes, plan: Plan) -> bytes:
    """A copy of a model with a plan in it, in place of one that it has already.

    The plan must have an offset for each tensor that `orionrt.plan_model(model, micro=True)` plans,
    a multiple of 16 and below 2 GiB; tensors that the runtime places by itself are passed over.

    Raises `orionrt.ModelError` for a plan that lacks a tensor, and for a file that is no model.
    """
    return with_offline_plan(model, plan)
