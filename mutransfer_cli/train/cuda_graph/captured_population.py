"""A population whose step is one graph: batches, rates and losses lie in memory that stays.

Losses are those of a population as it is; where trials leave, the rest is captured anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.cuda_graph.buffers import allocate_like, copy_into, structure_of
from mutransfer_cli.train.cuda_graph.graph import StepGraph
from mutransfer_cli.train.population.population import Member, Population
from mutransfer_cli.train.trial import to_device


class CapturedPopulation(Population):
    """form: of the batches that the graph takes; others are stepped as they are."""

    def __init__(self, members: Sequence[Member], size: Size, device: str = "cpu") -> None:
        super().__init__(members, size, device)
        self.graph: StepGraph | None = None
        self.form: Any = None

    @property
    def unfit(self) -> str | None:
        """Why its step is not the same every time."""
        if all(update.static for update in self.updates):
            return None
        return f"a step of {self.members[0].plan.optimizer} is not the same every time"

    @property
    def failure(self) -> str | None:
        """Why its step is called as it is where it should be replayed."""
        if self.form is None:
            return "its batches are not of tensors and plain numbers"
        return None if self.graph is None else self.graph.failure

    @property
    def capturing(self) -> float:
        """Seconds that the last capture took."""
        return 0.0 if self.graph is None else self.graph.seconds

    def step(self, step: int) -> Tensor:
        batch, shared = self.drawn(step)
        form = structure_of(batch)
        self.set(step)
        if self.graph is None and form is not None:
            self.form, self.room, self.shared = form, allocate_like(batch, self.place), shared
            self.losses = self.stack.rows.new_zeros(len(self.alive))
            self.graph = StepGraph(self.place)
        if self.graph is None or form != self.form:
            return self.advance(to_device(batch, self.place), shared)
        copy_into(self.room, batch)
        self.graph(self.static)
        return self.losses.clone()

    def static(self) -> None:
        """A step, from the room of its batch to that of its losses."""
        self.losses.copy_(self.advance(self.room, self.shared))
        self.held = self.stack.memory()  # for as long as a graph may write there

    def keep(self, places: Sequence[int]) -> None:
        if self.place.type == "cuda":
            torch.cuda.synchronize(self.place)  # the graph gives back memory that it may be using
        self.graph = None
        super().keep(places)


def make_population(
    members: Sequence[Member], size: Size, device: str = "cpu", step_mode: StepMode = "plain"
) -> Population:
    """step_mode: plain, or graph."""
    return (CapturedPopulation if step_mode == "graph" else Population)(members, size, device)
