"""Training one trial by itself, with torch's own optimizer: the reference for populations."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.checked_subject import NO_GRADIENT
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import BUILD, run_user_code
from mutransfer_cli.train.batches import count_examples, data_stream, to_device
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from mutransfer_cli.train.gradients.micro_batches import micro_batches
from mutransfer_cli.train.gradients.precision import set_precision
from mutransfer_cli.train.initial_loss import initial_loss
from mutransfer_cli.train.torch_optimizers import (
    PeakRates,
    enable_fused,
    evaluating,
    match_memory_format,
    needs_graph,
)
from mutransfer_cli.train.training_loop import TrainingLoop
from mutransfer_cli.train.trial import Trial
from mutransfer_cli.train.trial_result import Result


def train_trial(
    trial: Trial, device: str = "cpu", checkpointer: Checkpointer | None = None
) -> Result:
    """Train one trial by itself.

    Divergence is an outcome, not an error: a loss that is not finite, or an objective clearly
    above the loss of the untrained model.

    Args:
        trial: The trial.
        device: Torch's name of the device.
        checkpointer: Saves checkpoints; the trial resumes from an existing one.

    Raises:
        InputError: The user's own code fails.
    """
    started = time.perf_counter()
    trainer = TrainingLoop(SingleModel(trial, device), checkpointer, started=started)
    ((_, result),) = trainer.run(checkpointer.load() if checkpointer is not None else None)
    return result


class SingleModel:
    """A trial that trains by itself; see `training_loop.Trainable`."""

    def __init__(self, trial: Trial, device: str = "cpu") -> None:
        """Build the model and its optimizer on a device."""
        self.trials = [trial]
        self.alive = [0]
        self.device = torch.device(device)
        self.subject = trial.factory.build_with_optimizer(trial.size, trial.seed, trial.plan)
        self.subject.model.to(self.device)
        settings = trial.factory.training
        self.accumulate = settings.accumulate
        set_precision(self.subject, settings.precision, self.device)
        enable_fused(self.subject.optimizer)
        self.data = data_stream(trial.factory, self.subject, trial.size, trial.seed)
        self.schedule, self.steps, self.clip = trial.schedule, trial.size.steps, trial.plan.clip
        self.rates = PeakRates([self.subject.optimizer])
        self.params = [p for p in self.subject.model.parameters() if p.requires_grad]
        self._where = f"{trial.factory.model_name}: training at width {trial.size.width}"
        self._evaluation = self._where.replace("training", "its validation loss")
        self.subject.model.train()

    def batch(self, step: int) -> Any:
        """The batch of a step, on the device."""
        return to_device(self.data.batch(step), self.device)

    def step(self, step: int) -> Tensor:
        """Take one step of the optimizer; returns the loss before it, of shape (1,)."""
        return self.step_on(step, self.batch(step))

    def step_on(self, step: int, batch: Any) -> Tensor:
        """Take one step of the optimizer on a batch; returns the loss before it, of shape (1,).

        Args:
            step: Its number, which determines the learning rate.
            batch: The batch, on the device.
        """
        self.rates.scale(self.schedule.lr_factor(step, self.steps))
        loss: Tensor = run_user_code(lambda: self._optimize(batch), self._where, BUILD)
        return loss

    def _optimize(self, batch: Any) -> Tensor:
        self.subject.optimizer.zero_grad(set_to_none=True)
        losses = [self._backward(part) for part in micro_batches(batch, self.accumulate)]
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.params, self.clip)
        self.subject.optimizer.step()
        return losses[0] if len(losses) == 1 else torch.cat(losses).mean(0, keepdim=True)

    def _backward(self, part: Any) -> Tensor:
        """Add the gradients of one part of a batch; returns its loss, of shape (1,)."""
        subject = self.subject
        assert subject.loss is not None
        graph = needs_graph(subject.optimizer)
        with differentiable_attention() if graph else nullcontext():
            loss = subject.loss(subject.model, part)
        if not loss.requires_grad:
            raise InputError(f"{self._where}: {NO_GRADIENT}", BUILD)
        share = loss if self.accumulate == 1 else loss / self.accumulate
        if graph:
            backward_with_graph(share)
        else:
            share.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        return loss.detach().view(1)

    def weights(self) -> dict[str, Tensor]:
        """The trained parameters, each with a leading dimension of one trial."""
        named = self.subject.model.named_parameters()
        return {name: p.detach()[None] for name, p in named if p.requires_grad}

    def select(self, positions: Sequence[int]) -> None:
        """Keep the trial, or drop it if `positions` is empty."""
        self.alive = [self.alive[p] for p in positions]

    def validation_losses(self) -> list[float]:
        """The mean loss of the trial over the validation batches."""
        batches = self.data.validation
        with evaluating([self.subject.optimizer]):
            return [
                run_user_code(
                    lambda: mean_loss(self.subject, batches, self.device), self._evaluation, BUILD
                )
            ]

    def initial_losses(self) -> list[float]:
        """The validation loss before training, cached for trials that start from equal models."""
        held_out = self.data.validation
        loss = initial_loss(
            self.subject, self.trials[0].plan, held_out, lambda: self.validation_losses()[0]
        )
        self.subject.model.train()
        return [loss]

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint: parameters, buffers and the optimizer's state."""
        return {
            "model": dict(_tensors(self.subject.model)),
            "optimizer": self.subject.optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any], positions: Sequence[int]) -> None:
        """Restore what `state` returned for this trial."""
        with torch.no_grad():
            for name, tensor in _tensors(self.subject.model):
                tensor.copy_(state["model"][name])
        self.subject.optimizer.load_state_dict(state["optimizer"])
        match_memory_format(self.subject.optimizer)


def differentiable_attention() -> AbstractContextManager[None]:
    """Attention by the one kernel whose gradient has a gradient."""
    return sdpa_kernel(SDPBackend.MATH)


def backward_with_graph(loss: Tensor) -> None:
    """Add gradients that can be differentiated themselves."""
    with warnings.catch_warnings():
        # the optimizer drops the graph, so there is no cycle that lasts
        warnings.filterwarnings("ignore", message=".*create_graph=True.*")
        loss.backward(create_graph=True)  # type: ignore[no-untyped-call]  # torch has no type for it


def mean_loss(subject: Subject, batches: Sequence[Any], device: torch.device) -> float:
    """Mean loss in evaluation mode, weighted by the number of examples in each batch.

    Args:
        subject: The model and its loss; the model is left in evaluation mode.
        batches: The batches, on any device.
        device: The device of the model.
    """
    assert subject.loss is not None
    subject.model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in batches:
            part = to_device(batch, device)
            examples = count_examples(part)
            total += float(subject.loss(subject.model, part)) * examples
            count += examples
    return total / count


def _tensors(model: nn.Module) -> list[tuple[str, Tensor]]:
    """All parameters and buffers, including buffers that a state_dict omits."""
    return [*model.named_parameters(), *model.named_buffers()]
