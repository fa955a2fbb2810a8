"""The course of a population: its steps, looks at the losses, the ends of its trials, checkpoints.

As `trial.train` in everything, but that a trial's seconds are its share of the population's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.checkpoint.checkpointer import GroupCheckpointer
from mutransfer_cli.train.cuda_graph.captured_population import make_population
from mutransfer_cli.train.population.population import Member
from mutransfer_cli.train.pruner import Pruner
from mutransfer_cli.train.trial import (
    CHECK_INTERVAL,
    CURVE_POINTS,
    DIVERGED_FACTOR,
    Outcome,
    Result,
)

Ends = Iterator[tuple[int, Result]]


def train_population(
    members: Sequence[Member],
    size: Size,
    device: str = "cpu",
    keeper: GroupCheckpointer | None = None,
    step_mode: StepMode = "plain",
) -> Ends:
    """Train a population; yields a member's number and its result as it ends.

    With a keeper it goes on from its checkpoint, and in that one's way.
    """
    yield from PopulationTrainer(members, size, device, step_mode).run(keeper)


class PopulationTrainer:
    """Of a member, by its number: `seen`, its losses up to the last look, and seconds `spent`."""

    def __init__(
        self, members: Sequence[Member], size: Size, device: str, step_mode: StepMode = "plain"
    ) -> None:
        self.at = time.perf_counter()
        self.members, self.size, self.device, self.step_mode = members, size, device, step_mode
        self.population = make_population(members, size, device, step_mode)
        self.untrained: list[float] = []
        self.spent = [0.0] * len(members)
        self.rows: list[Tensor] = []  # losses of the living since the last look
        self.seen: list[list[np.ndarray]] = [[] for _ in members]

    def run(self, keeper: GroupCheckpointer | None = None) -> Ends:
        kept = keeper.load() if keeper is not None else None
        if kept is None:
            first, self.untrained = 0, self.population.untrained()
        else:
            first = self.restore(kept)
        for step in range(first, self.size.steps):
            if keeper is not None and step > first and keeper.due:
                self.account()
                keeper.save(self.state(step), step=step, labels=self.labels())
            self.rows.append(self.population.step(step))
            if step % CHECK_INTERVAL == CHECK_INTERVAL - 1 or step == self.size.steps - 1:
                yield from self.look(step)
                if not self.population.alive:
                    return
        yield from self.end()

    def account(self) -> None:
        """Share out the time since the last call."""
        now, alive = time.perf_counter(), self.population.alive
        for i in alive:
            self.spent[i] += (now - self.at) / len(alive)
        self.at = now

    def look(self, step: int) -> Ends:
        """At the losses since the last look; members that have ended leave."""
        table = torch.stack(self.rows).float().cpu().numpy()
        self.rows.clear()
        self.account()
        staying, ended = [], []
        for place, i in enumerate(self.population.alive):
            self.seen[i].append(table[:, place])
            found = self.ended(i, step, bool(np.isfinite(table[:, place]).all()))
            if found is None:
                staying.append(place)
            else:
                ended.append((i, found))
        if ended:
            self.population.keep(staying)
        yield from ended

    def ended(self, i: int, step: int, finite: bool) -> Result | None:
        """A member's end before the last step; None where it goes on."""
        timeout = self.members[i].recipe.search.timeout
        if not finite and step % CHECK_INTERVAL == CHECK_INTERVAL - 1:
            return self.result(i, "diverged", None, f"loss not finite by step {step + 1}")
        if timeout is not None and self.spent[i] > timeout and step < self.size.steps - 1:
            return self.result(i, "failed", None, f"search.timeout: over {timeout:g} s")
        why = pruned(self.members[i].judge, step + 1, self.seen[i])
        return None if why is None else self.result(i, "pruned", None, why)

    def end(self) -> Ends:
        """The objectives of those that are left."""
        if self.members[0].recipe.search.objective == "train_loss":
            tail = max(1, self.size.steps // 10)
            objectives = [
                float(np.concatenate(self.seen[i])[-tail:].mean()) for i in self.population.alive
            ]
        else:
            objectives = [float(loss) for loss in self.population.validation()]
        self.account()
        for i, objective in zip(self.population.alive, objectives, strict=True):
            if not np.isfinite(objective):
                yield i, self.result(i, "diverged", None, "the objective is not finite")
            elif objective > DIVERGED_FACTOR * self.untrained[i]:
                why = "the loss ended above that of the untrained model"
                yield i, self.result(i, "diverged", None, why)
            else:
                yield i, self.result(i, "finished", objective)

    def result(
        self, i: int, outcome: Outcome, loss: float | None, why: str | None = None
    ) -> Result:
        values = np.concatenate(self.seen[i]) if self.seen[i] else np.zeros(0)
        places = np.linspace(0, len(values) - 1, min(CURVE_POINTS, len(values)))
        kept = np.unique(places.astype(int))
        curve = tuple((int(j), float(values[j])) for j in kept if np.isfinite(values[j]))
        return Result(outcome, loss, curve, self.spent[i], why)

    def labels(self) -> list[str]:
        return [self.members[i].label for i in self.population.alive]

    def state(self, step: int) -> dict[str, Any]:
        """Of those that live, before a step."""
        alive = self.population.alive
        return {
            "step": step,
            "way": self.step_mode,
            "labels": self.labels(),
            "untrained": [self.untrained[i] for i in alive],
            "spent": [self.spent[i] for i in alive],
            "seen": [
                torch.from_numpy(np.concatenate([np.zeros(0, np.float32), *self.seen[i]]))
                for i in alive
            ],
            "rows": list(self.rows),
            "population": self.population.state(),
        }

    def restore(self, kept: dict[str, Any]) -> int:
        """Its step; all members are among the state's."""
        places = [kept["labels"].index(m.label) for m in self.members]
        self.untrained = [kept["untrained"][p] for p in places]
        self.spent = [kept["spent"][p] for p in places]
        self.seen = [[kept["seen"][p].numpy()] for p in places]
        self.rows = [row[places].to(self.population.place) for row in kept["rows"]]
        if kept.get("way", "plain") != self.step_mode:
            self.step_mode = kept.get("way", "plain")
            self.population = make_population(self.members, self.size, self.device, self.step_mode)
        self.population.restore(kept["population"], places)
        return int(kept["step"])


def pruned(judge: Pruner | None, steps: int, losses: Sequence[np.ndarray]) -> str | None:
    """Why a trial's judge ends it after so many steps."""
    if judge is None or steps not in judge.steps:
        return None
    return judge(np.concatenate(losses).tolist())
