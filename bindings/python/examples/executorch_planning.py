#!/usr/bin/env python3
"""Plans a small network for ExecuTorch, with its own algorithm and with this one.

Prints the bytes of each memory for both, and runs both programs on the same input: the outputs
must be equal. Needs the packages executorch and orionrt.

usage: executorch_planning.py [--seconds LIMIT]
"""

from __future__ import annotations

import argparse
import functools
import time
from typing import Any

import torch
from executorch.exir import ExecutorchBackendConfig, to_edge
from executorch.exir.memory_planning import MemoryPlanningAlgorithmSuite, greedy
from executorch.exir.passes import MemoryPlanningPass
from orionrt.executorch import memory_planning


class Block(torch.nn.Module):
    """Two branches over one input, of which both results are alive until they are joined."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.wide = torch.nn.Conv2d(inputs, outputs * 2, 3, padding=1)
        self.narrow = torch.nn.Conv2d(outputs * 2, outputs, 1)
        self.other = torch.nn.Conv2d(inputs, outputs // 2, 5, padding=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = torch.relu(self.wide(x))
        joined = torch.cat([self.narrow(wide), self.other(x)], dim=1)
        return torch.nn.functional.max_pool2d(joined, 2)


def network() -> torch.nn.Module:
    """A network whose tensors have many sizes, so that their order matters."""
    torch.manual_seed(0)
    widths = [3, 8, 14, 20, 26]
    blocks: list[torch.nn.Module] = []
    channels = widths[0]
    for width in widths[1:]:
        blocks.append(Block(channels, width))
        channels = width + width // 2
    pool = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(channels, 10)]
    return torch.nn.Sequential(*blocks, *pool).eval()


def compiled(
    model: torch.nn.Module, sample: torch.Tensor, algorithms: list[Any]
) -> tuple[Any, float]:
    """The program with the best plan of some algorithms, and the seconds that it took."""
    edge = to_edge(torch.export.export(model, (sample,)))
    suite = MemoryPlanningAlgorithmSuite(algorithms)
    config = ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(suite))
    start = time.perf_counter()
    program = edge.to_executorch(config)
    return program, time.perf_counter() - start


def output(program: Any, sample: torch.Tensor) -> torch.Tensor:
    """What the runtime computes."""
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(program.buffer).load_method("forward")
    result: torch.Tensor = method.execute([sample])[0]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="time limit of the search")
    limit = parser.parse_args().seconds
    model, sample = network(), torch.randn(1, 3, 96, 96)
    orion = functools.partial(memory_planning, time_limit=limit)
    outputs = []
    print("algorithm          bytes of each memory    seconds for the program")
    for name, algorithms in (("greedy", [greedy]), ("memory_planning", [orion])):
        program, seconds = compiled(model, sample, algorithms)
        sizes = program.executorch_program.execution_plan[0].non_const_buffer_sizes
        print(f"{name:18} {sizes!s:23} {seconds:.2f}")
        outputs.append(output(program, sample))
    same = torch.equal(*outputs)
    expected = model(sample)
    close = torch.allclose(outputs[1], expected, atol=1e-4)
    print(f"equal outputs: {same}; close to those of torch: {close}")
    raise SystemExit(not same)


if __name__ == "__main__":
    main()
