#!/usr/bin/env python3
"""Plans small networks for ExecuTorch, with its own algorithm and with this one.

Prints the bytes of memory for both. Every plan is checked: offsets are aligned and within their
memory, and tensors that are alive at a common node share no byte. Both programs are run on the same
inputs, twice, so that state counts: the outputs must be equal, and close to those of torch.

Needs the packages executorch, torch and orionrt.

usage: executorch_planning.py [--seconds LIMIT]
"""

from __future__ import annotations

import argparse
import functools
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from executorch.exir import ExecutorchBackendConfig, to_edge
from executorch.exir.memory_planning import (
    MemoryPlanningAlgorithmSuite,
    collect_specs_from_nodes,
    greedy,
)
from executorch.exir.passes import MemoryPlanningPass
from executorch.runtime import Runtime
from orionrt.executorch import memory_planning
from torch.nn import functional


class Layer(torch.nn.Module):
    """Attention and a network behind it, each added to what it was given."""

    def __init__(self, width: int = 48, heads: int = 4, hidden: int = 200) -> None:
        super().__init__()
        self.heads = heads
        self.three = torch.nn.Linear(width, 3 * width)
        self.joined = torch.nn.Linear(width, width)
        self.wide = torch.nn.Linear(width, hidden)
        self.narrow = torch.nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = (x.shape[0], x.shape[1], self.heads, -1)
        each = self.three(functional.layer_norm(x, x.shape[-1:])).chunk(3, dim=-1)
        query, key, value = (part.reshape(shape).transpose(1, 2) for part in each)
        weights = torch.softmax(query @ key.transpose(-1, -2), dim=-1)
        x = x + self.joined((weights @ value).transpose(1, 2).reshape(x.shape))
        hidden = functional.gelu(self.wide(functional.layer_norm(x, x.shape[-1:])))
        return x + self.narrow(hidden)


class Block(torch.nn.Module):
    """Four branches over one input, whose results are alive until they are joined."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        conv = torch.nn.Conv2d
        self.first = conv(inputs, width, 1)
        self.second = torch.nn.Sequential(
            conv(inputs, 2 * width, 1), torch.nn.ReLU(), conv(2 * width, 3 * width, 3, padding=1)
        )
        self.third = torch.nn.Sequential(
            conv(inputs, width // 2, 1), torch.nn.ReLU(), conv(width // 2, width + 1, 5, padding=2)
        )
        self.fourth = conv(inputs, width + 3, 1)
        self.outputs = 6 * width + 4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.fourth(functional.avg_pool2d(x, 3, 1, 1))
        joined = torch.cat([self.first(x), self.second(x), self.third(x), pooled], dim=1)
        return functional.max_pool2d(joined, 2)


def blocks() -> torch.nn.Module:
    """A network whose tensors have many sizes."""
    made: list[Block] = []
    for width in (4, 6, 9):
        made.append(Block(made[-1].outputs if made else 3, width))
    return torch.nn.Sequential(*made)


class Choice(torch.nn.Module):
    """Control flow: one of two bodies runs, each a submodule with tensors of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.before = torch.nn.Conv2d(3, 12, 3, padding=1)
        self.after = torch.nn.Conv2d(12, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def wide(x: torch.Tensor) -> torch.Tensor:
            wider = torch.cat([x, x.sigmoid(), x * 2], dim=1)
            return wider.reshape(1, 3, 12, 48, 48).sum(dim=1)

        def narrow(x: torch.Tensor) -> torch.Tensor:
            return x.mean(dim=1, keepdim=True) - x

        x = torch.relu(self.before(x))
        chosen = torch.cond(x.sum() > 0, wide, narrow, [x])
        return torch.softmax(self.after(chosen + x), dim=1)


class Memory(torch.nn.Module):
    """State: a mutable buffer keeps what the last call has left."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.zeros(1, 64))
        self.state: torch.Tensor
        self.gate = torch.nn.Linear(96, 64)
        self.next = torch.nn.Linear(96, 64)
        self.out = torch.nn.Linear(64, 200)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = torch.cat([x, self.state], dim=1)
        gate = torch.sigmoid(self.gate(both))
        state = gate * self.state + (1 - gate) * torch.tanh(self.next(both))
        self.state.copy_(state)
        return torch.log_softmax(self.out(state), dim=1)


@dataclass
class Case:
    """A network, its input, and what its caller gives memory for."""

    name: str
    model: torch.nn.Module
    sample: torch.Tensor
    options: dict[str, bool] = field(default_factory=dict)


def cases() -> Iterator[Case]:
    torch.manual_seed(0)
    words = torch.randn(1, 40, 48)
    given = {"alloc_graph_input": False, "alloc_graph_output": False}
    yield Case("attention", torch.nn.Sequential(Layer(), Layer()), words)
    yield Case("attention, inputs and outputs given", Layer(), words, given)
    yield Case("branches", blocks(), torch.randn(1, 3, 32, 32))
    yield Case("control flow", Choice(), torch.randn(1, 3, 48, 48))
    yield Case("mutable buffer", Memory(), torch.randn(1, 32))


class CheckedPass(MemoryPlanningPass):
    """The pass with a check of what came of it, for the graph and its submodules."""

    def run(self, graph_module: Any, graph_signature: Any = None) -> Any:
        result = super().run(graph_module, graph_signature)
        for module in graph_module.modules():
            if "non_const_buffer_sizes" in module.meta:
                self.check(module, graph_signature)
        return result

    def check(self, module: Any, signature: Any) -> None:
        sizes = module.meta["non_const_buffer_sizes"]
        # What submodules need is theirs.
        below = module.input_mem_buffer_sizes
        specs = collect_specs_from_nodes(
            module.graph.nodes, signature, do_assertion=False, ignore_graph_input=False
        )
        placed = [spec for spec in specs if spec.mem_offset is not None]
        assert placed
        for spec in placed:
            assert spec.mem_offset % self.alignment == 0
            assert spec.mem_offset + spec.allocated_memory <= sizes[spec.mem_id]
            assert spec.mem_id >= len(below) or spec.mem_offset >= below[spec.mem_id]
        for a, b in itertools.combinations(placed, 2):
            is_stored = a in stores(b) or b in stores(a)
            nodes = max(a.lifetime[0], b.lifetime[0]) <= min(a.lifetime[1], b.lifetime[1])
            ends = (spec.mem_offset + spec.allocated_memory for spec in (a, b))
            share = a.mem_id == b.mem_id and max(a.mem_offset, b.mem_offset) < min(ends)
            assert is_stored or not (nodes and share), f"{a.debug()} and {b.debug()}"


def stores(spec: Any) -> list[Any]:
    """The tensors that this one is stored in."""
    found: list[Any] = []
    while (spec := getattr(spec, "storage_base", None)) is not None:
        found.append(spec)
    return found


def compiled(case: Case, algorithm: Any) -> tuple[Any, float]:
    """The program with the plan of an algorithm, and the seconds that it took."""
    edge = to_edge(torch.export.export(case.model, (case.sample,)))
    suite = MemoryPlanningAlgorithmSuite([algorithm])
    config = ExecutorchBackendConfig(memory_planning_pass=CheckedPass(suite, **case.options))
    start = time.perf_counter()
    program = edge.to_executorch(config)
    return program, time.perf_counter() - start


def outputs(program: Any, sample: torch.Tensor) -> list[torch.Tensor]:
    """What the runtime computes in two calls."""
    method = Runtime.get().load_program(program.buffer).load_method("forward")
    return [method.execute([each])[0].clone() for each in (sample, sample + 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="time limit of the search")
    limit = parser.parse_args().seconds
    orion = functools.partial(memory_planning, time_limit=limit)
    print("| network | algorithm | bytes | seconds for the program |\n| --- | --- | --: | --: |")
    is_right = True
    for case in cases():
        case.model.eval().requires_grad_(False)
        found = []
        for name, algorithm in (("greedy", greedy), ("orionrt", orion)):
            program, seconds = compiled(case, algorithm)
            sizes = program.executorch_program.execution_plan[0].non_const_buffer_sizes
            print(f"| {case.name} | {name} | {sum(sizes):,} | {seconds:.2f} |")
            found.append(outputs(program, case.sample))
        with torch.no_grad():
            expected = [case.model(each) for each in (case.sample, case.sample + 1)]
        is_right &= all(map(torch.equal, *found))
        close = functools.partial(torch.allclose, atol=1e-4)
        is_right &= all(map(close, found[1], expected))
    print(f"outputs of both equal, and close to those of torch: {is_right}")
    raise SystemExit(not is_right)


if __name__ == "__main__":
    main()
