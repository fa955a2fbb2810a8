"""The training loop: steps, checks of the losses, ends of trials, checkpoints.

It is the same for a single trial and for a population, except that the time of a population is
divided evenly among the trials that are alive.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, Protocol

import torch
from torch import Tensor

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from mutransfer_cli.train.checkpoint.file import set_random_state
from mutransfer_cli.train.norms.readouts import readouts_of
from mutransfer_cli.train.norms.tensor_norms import Norms, update_norms, weight_norms
from mutransfer_cli.train.trial import Trial
from mutransfer_cli.train.trial_result import Outcome, Result

log = logging.getLogger(__name__)

CHECK_INTERVAL = 10  # steps between checks of the losses; a check waits for the device
DIVERGED_SHARE = 0.1  # a final loss above the initial one by this share of it is a divergence
TAIL_DIVISOR = 10  # `train_loss` is the mean over the last 1/10 of the steps

Ends = Iterator[tuple[int, Result]]


class Trainable(Protocol):
    """A model that the loop trains: that of one trial, or a population.

    Attributes:
        trials: All trials, of one size.
        alive: Indices of those still training, in the order of the losses.
        device: Where they train.
    """

    trials: list[Trial]
    alive: list[int]
    device: torch.device

    def step(self, step: int) -> Tensor:
        """Train a step; returns the losses before it (alive,), on the device."""
        ...

    def select(self, positions: Sequence[int]) -> None:
        """Keep only these of the trials that are alive, by their positions in `alive`."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """The trained parameters of the trials that are alive, (alive, …) by name."""
        ...

    def initial_losses(self) -> list[float]:
        """Mean validation losses of all trials before the first step."""
        ...

    def validation_losses(self) -> list[float]:
        """Mean validation losses of the trials that are alive."""
        ...

    def state(self) -> dict[str, Any]:
        """The state of the trials that are alive, for a checkpoint."""
        ...

    def restore(self, state: dict[str, Any], positions: Sequence[int]) -> None:
        """Restore what `state` returned; `positions` are those of the trials in the state."""
        ...


class TrainingLoop:
    """Trains a model or a population to the ends of all trials.

    Attributes, by trial: `initial`, the loss of the untrained model; `losses` up to the last check;
    `seconds` of training; `norms` of the update in the middle of the run.
    """

    def __init__(
        self,
        model: Trainable,
        checkpointer: Checkpointer | None = None,
        step_mode: StepMode = "plain",
        started: float | None = None,
    ) -> None:
        """Prepare training.

        Args:
            model: The model or population.
            checkpointer: Saves checkpoints during training.
            step_mode: How the model steps; saved in the checkpoint.
            started: When the trials began, on `time.perf_counter`; None: now.
        """
        self.model, self.checkpointer, self.step_mode = model, checkpointer, step_mode
        self.trials = model.trials
        self.training = self.trials[0].factory.training
        self.steps = self.trials[0].size.steps
        self.last_account = time.perf_counter() if started is None else started
        self.initial: list[float] = []
        self.losses: list[list[Tensor]] = [[] for _ in self.trials]
        self.seconds = [0.0] * len(self.trials)
        self.norms: list[Norms] = [{} for _ in self.trials]
        self._recent: list[Tensor] = []  # losses (alive,) of every step since the last check

    def run(self, checkpoint: dict[str, Any] | None = None) -> Ends:
        """Train; yields the number of a trial and its result as it ends.

        Args:
            checkpoint: State to resume from; None: start at the first step.

        Raises:
            SystemExit: The process was asked to stop; the checkpoint has been written.
        """
        first = 0
        if checkpoint is not None:
            first = self._restore(checkpoint)
        else:
            self.initial = self.model.initial_losses()
            torch.manual_seed(self.trials[0].seed)  # dropout
        for step in range(first, self.steps):
            if self.checkpointer is not None and step > first and self.checkpointer.due:
                self._save(self.checkpointer, step)
            if step == self.steps // 2:
                self._recent.append(self._measured_step(step))
            else:
                self._recent.append(self.model.step(step))
            if step % CHECK_INTERVAL == CHECK_INTERVAL - 1 or step == self.steps - 1:
                yield from self._check(step)
                if not self.model.alive:
                    return
        yield from self._finish()

    def _measured_step(self, step: int) -> Tensor:
        """Train a step, and keep the norms of its update."""
        before = {name: tensor.detach().clone() for name, tensor in self.model.weights().items()}
        losses = self.model.step(step)
        norms = update_norms(before, self.model.weights())
        for i, found in zip(self.model.alive, norms, strict=True):
            self.norms[i] = found
        return losses

    def _account(self) -> None:
        """Divide the time since the last call among the trials that are alive."""
        now, alive = time.perf_counter(), self.model.alive
        for i in alive:
            self.seconds[i] += (now - self.last_account) / len(alive)
        self.last_account = now

    def _check(self, step: int) -> Ends:
        """Check the losses since the last check; removes and yields the trials that end."""
        table = torch.stack(self._recent).cpu()
        self._recent.clear()
        finite = torch.isfinite(table).all(0).tolist()
        self._account()
        staying, ended = [], []
        for position, i in enumerate(self.model.alive):
            self.losses[i].append(table[:, position])
            result = self._ended(i, step, finite[position])
            if result is None:
                staying.append(position)
            else:
                ended.append((i, result))
        if ended:
            log.info("step %d: %d of %d trials ended", step + 1, len(ended), len(finite))
            self.model.select(staying)
        yield from ended

    def _ended(self, i: int, step: int, finite: bool) -> Result | None:
        """The result of a trial that ends before the last step; None: it continues."""
        timeout, is_last = self.training.timeout, step == self.steps - 1
        if not finite and step % CHECK_INTERVAL == CHECK_INTERVAL - 1:
            return self._result(i, "diverged", why=f"loss not finite by step {step + 1}")
        if timeout is not None and self.seconds[i] > timeout and not is_last:
            return self._result(i, "failed", why=f"search.timeout: over {timeout:g} s")
        pruner = self.trials[i].pruner
        if pruner is None or step + 1 not in pruner.steps:
            return None
        why = pruner(self._losses(i).float().tolist())
        return None if why is None else self._result(i, "pruned", why=why)

    def _finish(self) -> Ends:
        """The results of the trials that were trained to the last step."""
        alive = self.model.alive
        plans = [self.trials[i].plan for i in alive]
        readouts = readouts_of(self.trials[0].factory.family(few_blocks=True))
        found_norms = weight_norms(self.model.weights(), plans, readouts)
        for i, found in zip(alive, found_norms, strict=True):
            self.norms[i].update(found)
        if self.training.objective == "train_loss":
            tail = max(1, self.steps // TAIL_DIVISOR)
            objectives = [float(self._losses(i)[-tail:].mean()) for i in alive]
        else:
            objectives = self.model.validation_losses()
        self._account()
        for i, objective in zip(alive, objectives, strict=True):
            if not isfinite(objective):
                yield i, self._result(i, "diverged", why="the objective is not finite")
            elif ended_above_start(objective, self.initial[i], self._losses(i)):
                why = "the loss ended above that of the untrained model"
                yield i, self._result(i, "diverged", why=why)
            else:
                yield i, self._result(i, "finished", objective)

    def _losses(self, i: int) -> Tensor:
        """The losses of a trial up to the last check (n,), on the CPU."""
        return torch.cat(self.losses[i]) if self.losses[i] else torch.zeros(0)

    def _result(
        self, i: int, outcome: Outcome, loss: float | None = None, why: str | None = None
    ) -> Result:
        losses = self._losses(i)
        norms = {name: value for name, value in self.norms[i].items() if isfinite(value)}
        return Result.of_losses(outcome, losses, self.seconds[i], loss, why, norms)

    def _save(self, checkpointer: Checkpointer, step: int) -> None:
        """Write a checkpoint of the trials that are alive, before a step."""
        self._account()
        alive = self.model.alive
        labels = [self.trials[i].label for i in alive]
        tree = {
            "step": step,
            "step_mode": self.step_mode,
            "labels": labels,
            "initial": [self.initial[i] for i in alive],
            "seconds": [self.seconds[i] for i in alive],
            "losses": [self._losses(i) for i in alive],
            "norms": [self.norms[i] for i in alive],
            "recent": list(self._recent),
            "model": self.model.state(),
        }
        checkpointer.save(tree, step=step, labels=labels)

    def _restore(self, checkpoint: dict[str, Any]) -> int:
        """Restore a checkpoint that contains all trials; returns its step."""
        positions = [checkpoint["labels"].index(trial.label) for trial in self.trials]
        self.initial = [checkpoint["initial"][p] for p in positions]
        self.seconds = [checkpoint["seconds"][p] for p in positions]
        self.losses = [[checkpoint["losses"][p]] for p in positions]
        kept = checkpoint.get("norms")
        self.norms = [dict(kept[p]) if kept else {} for p in positions]
        self._recent = [row[positions].to(self.model.device) for row in checkpoint["recent"]]
        self.model.restore(checkpoint["model"], positions)
        set_random_state(checkpoint["random"])
        step = int(checkpoint["step"])
        log.info("resumed %d trials from a checkpoint before step %d", len(positions), step + 1)
        return step


def ended_above_start(objective: float, initial: float, losses: Tensor) -> bool:
    """Whether a trial ended clearly above the loss of the untrained model.

    A loss that is always positive is compared with its start. One that may be zero or negative (a
    log density) has no such scale: there the range of the trial's own losses counts too.

    Args:
        objective: Its final loss.
        initial: The loss of the untrained model.
        losses: Its training losses (n,).
    """
    scale = abs(initial)
    finite = losses[torch.isfinite(losses)]
    if finite.numel() and min(objective, initial, float(finite.min())) <= 0:
        scale = max(scale, float((finite - initial).abs().max()))
    return objective > initial + DIVERGED_SHARE * scale
