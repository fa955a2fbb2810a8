"""Trains trials of one architecture and size as one computation.

Initialization and data of a trial are the same as in training it by itself. A trial that ends is
removed at once; nothing is reduced over the trials, so it cannot affect the others. Noise inside
the forward pass (dropout) is drawn for the population and differs from that of a single trial.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import BUILD, run_user_code
from mutransfer_cli.train.batched_optimizers.clip import GradientClip
from mutransfer_cli.train.batched_optimizers.per_trial import PerTrialOptimizer
from mutransfer_cli.train.batched_optimizers.selection import batched_optimizers
from mutransfer_cli.train.batches import DataStream, count_examples, data_stream, to_device
from mutransfer_cli.train.gradients.micro_batches import micro_batches
from mutransfer_cli.train.population.model_selection import select_stack
from mutransfer_cli.train.population.model_stack import ModelStack, Tensors, state_of
from mutransfer_cli.train.population.stacked_batches import stack_batches
from mutransfer_cli.train.trial import Trial

TOLERANCE = 1e-4  # allowed relative difference of losses in single precision


class Population:
    """Trials that train together; see `training_loop.Trainable`.

    Attributes:
        trials: All trials.
        alive: Indices of those still training, in the order of the stack.
        device: Where they train.
        stack: Their models.
        optimizers: The optimizers of the parameters.
    """

    def __init__(self, trials: Sequence[Trial], device: str = "cpu") -> None:
        """Build the models on a device, once for all trials that start from equal tensors."""
        self.trials = list(trials)
        self.size = self.trials[0].size
        self.device = torch.device(device)
        self.alive = list(range(len(self.trials)))
        self.schedules = [trial.schedule for trial in self.trials]
        self.accumulate = self.trials[0].factory.training.accumulate
        self._where = f"{self.trials[0].factory.model_name}: training at width {self.size.width}"
        subject, states = self._build()
        plans = [trial.plan for trial in self.trials]
        self.stack: ModelStack = select_stack(subject, plans, [states[t.start] for t in trials])
        self.optimizers = batched_optimizers(
            plans, self.stack.layout, self.stack.params, self.stack.grads
        )
        self._prepare_clip()
        torch.manual_seed(self.trials[0].seed)  # dropout

    def _build(self) -> tuple[Subject, dict[Hashable, Tensors]]:
        """The first trial's model, and the tensors of every start; also opens the data."""
        states: dict[Hashable, Tensors] = {}
        self.data: dict[int, DataStream] = {}
        first: Subject | None = None
        for trial in self.trials:
            if trial.start in states:
                continue
            subject = trial.factory.build(trial.size, trial.seed, trial.plan)
            subject.model.to(self.device)
            states[trial.start] = state_of(subject.model)
            if trial.seed not in self.data:
                stream = data_stream(trial.factory, subject, self.size, trial.seed)
                self.data[trial.seed] = stream
            first = first or subject
        assert first is not None
        return first, states

    def _prepare_clip(self) -> None:
        thresholds = [self.trials[i].plan.clip for i in self.alive]
        self.clip = GradientClip(thresholds, self.stack.grads)

    @property
    def tolerance(self) -> float:
        """Allowed relative difference of its losses from those of the trials by themselves."""
        return max(o.tolerance or TOLERANCE for o in self.optimizers)

    def draw(self, step: int) -> tuple[Any, bool]:
        """The batch of a step, on the device of its source, and whether all trials share it."""
        seeds = [self.trials[i].seed for i in self.alive]
        batches = {seed: self.data[seed].batch(step) for seed in dict.fromkeys(seeds)}
        if len(batches) == 1:
            return batches[seeds[0]], True
        return stack_batches([batches[seed] for seed in seeds]), False

    def batch(self, step: int) -> tuple[Any, bool]:
        """The batch of a step on the population's device, and whether all trials share it."""
        batch, shared = self.draw(step)
        return to_device(batch, self.device), shared

    def step(self, step: int) -> Tensor:
        """Train one step of every living trial; returns the losses before it (alive,)."""
        batch, shared = self.batch(step)
        self.prepare(step)
        return self.advance(batch, shared)

    def prepare(self, step: int) -> None:
        """Set the learning rates of a step."""
        steps = self.size.steps
        factors = {s: s.lr_factor(step, steps) for s in set(self.schedules)}
        lr_factors = [factors[self.schedules[i]] for i in self.alive]
        for optimizer in self.optimizers:
            optimizer.prepare(lr_factors)

    def advance(self, batch: Any, shared: bool) -> Tensor:
        """Run the part of a step that never changes; returns the losses before it (alive,)."""
        losses: Tensor = run_user_code(lambda: self._backward(batch, shared), self._where, BUILD)
        self.clip(self.stack.grads)
        for optimizer in self.optimizers:
            optimizer.step()
        return losses

    def _backward(self, batch: Any, shared: bool) -> Tensor:
        """Losses (alive,) of a batch; the mean gradients of its parts are left in the stack."""
        if self.accumulate == 1:
            return self.stack.backward(batch, shared)
        mean = torch.zeros_like(self.stack.grads)
        losses = []
        for part in micro_batches(batch, self.accumulate, 0 if shared else 1):
            losses.append(self.stack.backward(part, shared).clone())
            mean.add_(self.stack.grads, alpha=1 / self.accumulate)
        self.stack.grads.copy_(mean)
        return torch.stack(losses).mean(0)

    def weights(self) -> dict[str, Tensor]:
        """The trained parameters of the trials that are alive, stacked."""
        return dict(self.stack.param_views)

    def select(self, positions: Sequence[int]) -> None:
        """Keep only the living trials at these positions of the stack."""
        self.alive = [self.alive[p] for p in positions]
        if not self.alive:
            return
        self.stack.select(positions)
        self._prepare_clip()
        for optimizer in self.optimizers:
            optimizer.select(positions, self.stack.params, self.stack.grads)

    def validation_losses(self, positions: Sequence[int] | None = None) -> list[float]:
        """Mean validation losses, weighted by the number of examples in each batch.

        Args:
            positions: Positions of trials in the stack; None: all that are alive.
        """
        data = next(iter(self.data.values()))
        total, count = torch.zeros(()), 0
        with ExitStack() as modes:
            for optimizer in self.optimizers:
                if isinstance(optimizer, PerTrialOptimizer):
                    modes.enter_context(optimizer.evaluating())
            for batch in data.validation:
                part = to_device(batch, self.device)
                examples = count_examples(part)
                evaluate = partial(self.stack.losses, part, positions)
                losses = run_user_code(evaluate, self._where, BUILD)
                total = total + losses.double().cpu() * examples
                count += examples
        means: list[float] = (total / count).tolist()
        return means

    def initial_losses(self) -> list[float]:
        """Validation losses of all trials before training; equal models are measured once."""
        keys = [(t.start, tuple(t.plan.forward.items())) for t in self.trials]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        positions = sorted(first.values())
        losses = dict(zip(positions, self.validation_losses(positions), strict=True))
        return [losses[first[key]] for key in keys]

    def state(self) -> dict[str, Any]:
        """The state of the trials that are alive, for a checkpoint."""
        return {
            "params": self.stack.params,
            "constants": self.stack.constants,
            "optimizers": [optimizer.state() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any], positions: Sequence[int]) -> None:
        """Restore what `state` returned.

        Args:
            state: State of these trials, and perhaps of others.
            positions: Positions of these trials in the state.
        """
        index = list(positions)
        self.stack.params.copy_(state["params"][index])
        for name, tensor in self.stack.constants.items():
            tensor.copy_(state["constants"][name][index])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.restore(saved, index)
