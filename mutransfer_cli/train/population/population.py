"""Trials of one architecture and size as one computation.

Init and data of a trial are those of one-by-one training at its seed. A trial that diverges or is
pruned is taken out at once; nothing is reduced over the trials, so it never touched the others.
Noise inside the forward pass (dropout) is drawn for the population and differs from one-by-one
training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.user_code import BUILD, run_user_code
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.batched_optimizers.base import updates
from mutransfer_cli.train.batched_optimizers.clip import Clip
from mutransfer_cli.train.population.model_selection import select_stack
from mutransfer_cli.train.population.model_stack import ModelStack, Tensors, stack_batches, state_of
from mutransfer_cli.train.pruner import Pruner
from mutransfer_cli.train.schedule import Schedule
from mutransfer_cli.train.trial import DataStream, count_examples, data_stream, to_device


@dataclass(frozen=True, slots=True)
class Member:
    """One trial of a population: its recipe with its own hyperparameters, seed and plan."""

    recipe: Recipe
    seed: int
    plan: Plan
    judge: Pruner | None = None
    label: str = ""  # what tells it from other trials of its recipe, in a checkpoint

    @property
    def start(self) -> tuple[Any, ...]:
        """What its initial tensors depend on."""
        return self.seed, tuple((t.init, t.init_std) for t in self.plan.tensors)

    @property
    def schedule(self) -> Schedule:
        s = self.recipe.schedule
        return Schedule(s.name, s.warmup, s.final, s.decay)


class Population:
    """Members that train together; `step` until all of them have ended.

    alive: of the members, in the order of the stack.
    """

    def __init__(self, members: Sequence[Member], size: Size, device: str = "cpu") -> None:
        self.members = list(members)
        self.size = size
        self.place = torch.device(device)
        self.alive = list(range(len(members)))
        self.schedules = [m.schedule for m in members]
        states: dict[Any, Tensors] = {}
        subject = None
        for member in members:
            if member.start not in states:
                made = ProxyFactory(member.recipe).build(size, member.seed, member.plan)
                made.model.to(self.place)
                states[member.start] = state_of(made.model)
                subject = subject or made
        assert subject is not None
        plans = [m.plan for m in members]
        self.stack: ModelStack = select_stack(subject, plans, [states[m.start] for m in members])
        self.updates = updates(plans, self.stack.layout, self.stack.rows, self.stack.slopes)
        self.feeds: dict[int, DataStream] = {
            m.seed: data_stream(m.recipe, size, m.seed)
            for m in {m.seed: m for m in members}.values()
        }
        self._clipped()
        torch.manual_seed(members[0].seed)  # dropout

    def _clipped(self) -> None:
        self.clip = Clip([self.members[i].plan.clip for i in self.alive], self.stack.slopes)

    def drawn(self, step: int) -> tuple[Any, bool]:
        """The batch of a step where it was made, and whether all trials share it."""
        seeds = [self.members[i].seed for i in self.alive]
        drawn = {seed: self.feeds[seed].batch(step) for seed in dict.fromkeys(seeds)}
        if len(drawn) == 1:
            return drawn[seeds[0]], True
        return stack_batches([drawn[seed] for seed in seeds]), False

    def batch(self, step: int) -> tuple[Any, bool]:
        """The same, on the device."""
        batch, shared = self.drawn(step)
        return to_device(batch, self.place), shared

    def step(self, step: int) -> Tensor:
        """One step of every living trial; their losses before it."""
        batch, shared = self.batch(step)
        self.set(step)
        return self.advance(batch, shared)

    def set(self, step: int) -> None:
        """What the optimizers need at a step."""
        shares = {s: s(step, self.size.steps) for s in set(self.schedules)}
        of_each = [shares[self.schedules[i]] for i in self.alive]
        for update in self.updates:
            update.set(of_each)

    def advance(self, batch: Any, shared: bool) -> Tensor:
        """The rest of a step, the same every time."""
        losses: Tensor = run_user_code(
            lambda: self.stack.backward(batch, shared),
            f"{self.members[0].recipe.model.build}: training at width {self.size.width}",
            BUILD,
        )
        self.clip(self.stack.slopes)
        for update in self.updates:
            update.move()
        return losses

    def keep(self, places: Sequence[int]) -> None:
        """Leave out all but these places of the stack."""
        self.alive = [self.alive[p] for p in places]
        if not self.alive:
            return
        self.stack.keep(places)
        self._clipped()
        for update in self.updates:
            update.keep(places, self.stack.rows, self.stack.slopes)

    def validation(self, trials: Sequence[int] | None = None) -> np.ndarray:
        """Mean losses of the living trials, or some of their places, weighted by examples."""
        feed = next(iter(self.feeds.values()))
        total, count = torch.zeros(()), 0
        for batch in feed.validation:
            part = to_device(batch, self.place)
            examples = count_examples(part)
            total = total + self.stack.losses(part, trials).double().cpu() * examples
            count += examples
        return np.asarray((total / count).numpy())

    def untrained(self) -> list[float]:
        """The loss of every member before training; equal models are measured once."""
        keys = [(m.start, tuple(m.plan.forward.items())) for m in self.members]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        places = sorted(first.values())
        found = dict(zip(places, self.validation(places), strict=True))
        return [float(found[first[key]]) for key in keys]

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of the living."""
        return {
            "rows": self.stack.rows,
            "constants": self.stack.constants,
            "updates": [update.state() for update in self.updates],
        }

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        """trials: the places of the members among those of the state."""
        index = list(trials)
        self.stack.rows.copy_(state["rows"][index])
        for name, tensor in self.stack.constants.items():
            tensor.copy_(state["constants"][name][index])
        for update, kept in zip(self.updates, state["updates"], strict=True):
            update.restore(kept, index)
