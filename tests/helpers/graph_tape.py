"""A CUDA graph's stand-in on a CPU: operations are written down, and carried out once more.

As a graph it keeps every number of the host as it was, and refuses what needs the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from mutransfer_cli.train.batched_optimizers import fused
from mutransfer_cli.train.cuda_graph import graph
from mutransfer_cli.train.population.captured_population import CapturedPopulation

aten = torch.ops.aten
# `.item()`, and numbers of the host made into tensors: a copy from memory that is not pinned
REFUSED = {aten._local_scalar_dense.default, aten.lift_fresh.default, aten.lift_fresh_copy.default}


class Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self.replays = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in REFUSED:
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    @torch.no_grad()
    def replay(self) -> None:
        self.replays += 1
        made: dict[int, Tensor] = {}

        def now(value: Any) -> Any:
            return made.get(id(value), value) if isinstance(value, Tensor) else value

        for func, args, kwargs, out in self.calls:
            new = func(*tree_map(now, args), **tree_map(now, kwargs))
            for old, fresh in zip(tree_flatten(out)[0], tree_flatten(new)[0], strict=True):
                if isinstance(old, Tensor):
                    made[id(old)] = fresh


def recorded(tapes: list[Tape]) -> Callable[[graph.Step, torch.device], graph.Step]:
    """In place of `graph.captured`; leaves everything as it was, for a capture runs nothing."""

    def captured(step: graph.Step, place: torch.device) -> graph.Step:
        population: CapturedPopulation = step.__self__  # type: ignore[attr-defined]
        kept = [*population.stack.constants.values(), population.stack.params]
        kept += [m for o in population.optimizers for m in o.moments]
        before = [t.clone() for t in kept]
        tape = Tape()
        try:
            with tape, patch("torch.cuda.is_current_stream_capturing", lambda: True):
                step()  # transformers asks, and looks at no value then
        finally:
            for tensor, value in zip(kept, before, strict=True):
                tensor.copy_(value)
        tapes.append(tape)
        return tape.replay

    return captured


def graphs_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    """Every population captured from now on, and the updates that a GPU has."""
    tapes: list[Tape] = []
    monkeypatch.setattr(graph, "supports_graphs", lambda place: True)
    monkeypatch.setattr(graph, "capture_step", recorded(tapes))
    monkeypatch.setattr(graph.StepGraph, "on_side_stream", lambda self, step: step())
    monkeypatch.setattr(fused, "prefers_fused", lambda device: False)
    return tapes
