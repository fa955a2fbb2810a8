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
from mutransfer_cli.train.cuda_graph.buffers import fill, form_of, room_for
from mutransfer_cli.train.cuda_graph.graph import Graph
from mutransfer_cli.train.population.population import Member, Population
from mutransfer_cli.train.trial import moved


class Replayed(Population):
    """form: of the batches that the graph takes; others are stepped as they are."""

    def __init__(self, members: Sequence[Member], size: Size, device: str = "cpu") -> None:
        super().__init__(members, size, device)
        self.graph: Graph | None = None
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
        form = form_of(batch)
        self.set(step)
        if self.graph is None and form is not None:
            self.form, self.room, self.shared = form, room_for(batch, self.place), shared
            self.losses = self.stack.rows.new_zeros(len(self.alive))
            self.graph = Graph(self.place)
        if self.graph is None or form != self.form:
            return self.advance(moved(batch, self.place), shared)
        fill(self.room, batch)
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


def population_of(
    members: Sequence[Member], size: Size, device: str = "cpu", way: StepMode = "plain"
) -> Population:
    """way: plain, or graph."""
    return (Replayed if way == "graph" else Population)(members, size, device)
