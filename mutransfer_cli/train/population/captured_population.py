"""A population whose step is one CUDA graph, with batches, rates and losses in fixed memory.

Its losses are those of a plain population. When trials leave, the others are captured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.train.batches import to_device
from mutransfer_cli.train.cuda_graph.buffers import allocate_like, copy_into, structure_of
from mutransfer_cli.train.cuda_graph.graph import StepGraph
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.trial import Trial


class CapturedPopulation(Population):
    """Replays its step; batches that differ in structure from the first are stepped plainly.

    Attributes:
        structure: Structure of the batches that the graph takes; None before the first step.
    """

    def __init__(self, trials: Sequence[Trial], device: str = "cpu") -> None:
        """Build the population; the graph is captured after a few steps."""
        super().__init__(trials, device)
        self.graph: StepGraph | None = None
        self.structure: Any = None

    @property
    def varying_reason(self) -> str | None:
        """Why its step differs from time to time; None if it is always the same."""
        if all(optimizer.static for optimizer in self.optimizers):
            return None
        return f"a step of {self.trials[0].plan.optimizer} is not the same every time"

    @property
    def failure(self) -> str | None:
        """Why its step is not replayed; None if it is or will be."""
        if self.structure is None:
            return "its batches hold something other than tensors and plain numbers"
        return None if self.graph is None else self.graph.failure

    @property
    def capture_seconds(self) -> float:
        """Seconds of the last capture."""
        return 0.0 if self.graph is None else self.graph.seconds

    def step(self, step: int) -> Tensor:
        """Train one step of every living trial, replayed if possible; see `Population.step`."""
        batch, shared = self.draw(step)
        structure = structure_of(batch)
        self.prepare(step)
        if self.graph is None and structure is not None:
            self.structure, self.shared = structure, shared
            self.buffers = allocate_like(batch, self.device)
            self.buffer_leaves = tree_leaves(self.buffers)
            self.losses = self.stack.params.new_zeros(len(self.alive))
            self.graph = StepGraph(self.device)
        if self.graph is None or structure != self.structure:
            return self.advance(to_device(batch, self.device), shared)
        copy_into(self.buffer_leaves, batch)
        self.graph(self.static_step)
        return self.losses.clone()

    def static_step(self) -> None:
        """Run a step that reads the batch's buffers and writes the losses' buffer."""
        self.losses.copy_(self.advance(self.buffers, self.shared))
        self.held = self.stack.memory()  # for as long as a graph may write there

    def select(self, positions: Sequence[int]) -> None:
        """Keep only these trials, and capture their step again."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # the graph frees memory that it may be using
        self.graph = None
        super().select(positions)


def make_population(
    trials: Sequence[Trial], device: str = "cpu", step_mode: StepMode = "plain"
) -> Population:
    """Make a population that steps operation by operation, or as one CUDA graph.

    Args:
        trials: The trials.
        device: Torch's name of the device.
        step_mode: How it steps.
    """
    return (CapturedPopulation if step_mode == "graph" else Population)(trials, device)
