"""One trial: a proxy trained at one setting with one seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.data.opening import open_source
from mutransfer_cli.models.builder import build
from mutransfer_cli.models.proxy import plan_for, proxy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import BUILD, run_user_code
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.checkpoint.checkpointer import Checkpoint, Checkpointer
from mutransfer_cli.train.initial_loss import initial_loss
from mutransfer_cli.train.pruner import Pruner
from mutransfer_cli.train.schedule import Schedule

Outcome = Literal["finished", "diverged", "failed", "pruned"]
CURVE_POINTS = 512  # of a loss curve
CHECK_INTERVAL = 10  # steps between looks at the loss; a look waits for the device
DIVERGED_FACTOR = 1.1  # times the loss of the untrained model: the trial has diverged
SEED_STRIDE = 1_000_003  # a user's own batch(seed) takes one number


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a trial; one that diverged or was pruned has no loss."""

    outcome: Outcome
    loss: float | None  # the objective, in nats
    curve: tuple[tuple[int, float], ...]  # (step, training loss)
    seconds: float
    why: str | None = None


@dataclass(frozen=True, slots=True)
class DataStream:
    """Batches of a trial, and how its loss is taken at the end."""

    batch: Callable[[int], Any]
    validation: Sequence[Any]


def to_device(batch: Any, device: torch.device) -> Any:
    """Tensors of a batch on the device."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(part, device) for part in batch)
    if isinstance(batch, dict):
        return {key: to_device(part, device) for key, part in batch.items()}
    return batch


def data_stream(recipe: Recipe, size: Size, seed: int) -> DataStream:
    """The subject's own batches where it has them, else the recipe's data."""
    subject = build(recipe, size, seed)
    if subject.batch is not None:
        own = subject.batch
        held_out = subject.eval_batch or (lambda s: own(-1 - s))
        return DataStream(lambda step: own(seed * SEED_STRIDE + step), [held_out(0)])
    source = open_source(recipe)
    return DataStream(
        lambda step: source.batch(seed, step, size.batch), source.validation(size.batch)
    )


def clip_(parameters: Sequence[Tensor], threshold: float) -> None:
    torch.nn.utils.clip_grad_norm_(parameters, threshold)


def count_examples(batch: Any) -> int:
    """How many examples a batch holds; 1 where it does not say."""
    first = batch[0] if isinstance(batch, tuple | list) else batch
    return len(first) if isinstance(first, Tensor) and first.dim() else 1


def mean_loss(subject: Subject, batches: Sequence[Any], device: torch.device) -> float:
    """Mean of the losses of the batches, weighted by their number of examples."""
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


def one_step(
    subject: Subject, parameters: Sequence[Tensor], batch: Any, clip: float | None
) -> Tensor:
    """One step of the optimizer; the loss before it."""
    assert subject.optimizer is not None and subject.loss is not None
    loss = subject.loss(subject.model, batch)
    subject.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    if clip is not None:
        clip_(parameters, clip)
    subject.optimizer.step()
    return loss.detach()


def enable_fused(optimizer: Any) -> None:
    """Torch's fused kernels where they are not its default: on a CPU, for Adam, AdamW and SGD."""
    for part in getattr(optimizer, "parts", [optimizer]):
        if isinstance(part, torch.optim.Adam | torch.optim.AdamW | torch.optim.SGD):
            for group in part.param_groups:
                group["fused"] = all(p.device.type == "cpu" for p in group["params"])


def train(
    recipe: Recipe,
    size: Size,
    seed: int,
    device: str = "cpu",
    plan: Plan | None = None,
    keeper: Checkpointer | None = None,
    judge: Pruner | None = None,
) -> Result:
    """Train one proxy to the end; its hyperparameters are the recipe's.

    Divergence is an outcome, not an error: a loss that is not finite, or an objective more than a
    tenth above the loss of the untrained model. With a keeper the trial goes on from its
    checkpoint; with a judge it is pruned where that says so. Raises InputError for what the
    user's own code does wrong.
    """
    started = time.perf_counter()
    place = torch.device(device)
    plan = plan or plan_for(recipe, size)
    subject = proxy(recipe, size, seed, plan)
    subject.model.to(place)
    enable_fused(subject.optimizer)
    feed = data_stream(recipe, size, seed)
    assert subject.optimizer is not None and subject.loss is not None
    peaks = [group["lr"] for group in subject.optimizer.param_groups]
    s = recipe.schedule
    schedule = Schedule(s.name, s.warmup, s.final, s.decay)
    parameters = [p for p in subject.model.parameters() if p.requires_grad]
    losses: list[Tensor] = []
    seen = 0  # losses known to be finite

    def result(outcome: Outcome, loss: float | None, why: str | None = None) -> Result:
        values = torch.stack(losses).float().cpu().numpy() if losses else np.zeros(0)
        at = np.unique(np.linspace(0, len(values) - 1, min(CURVE_POINTS, len(values))).astype(int))
        curve = tuple((int(i), float(values[i])) for i in at if np.isfinite(values[i]))
        return Result(outcome, loss, curve, time.perf_counter() - started, why)

    held_out = feed.validation
    untrained = initial_loss(subject, plan, held_out, lambda: mean_loss(subject, held_out, place))
    torch.manual_seed(seed)  # dropout
    subject.model.train()
    first = 0
    if keeper is not None and (kept := keeper.resume(subject.model, subject.optimizer)) is not None:
        first, losses, untrained = kept.step, kept.losses, kept.untrained
        seen, started = len(losses), started - kept.seconds
    for step in range(first, size.steps):
        if keeper is not None and step > first:
            kept = Checkpoint(step, losses, untrained, time.perf_counter() - started)
            keeper.keep(kept, subject.model, subject.optimizer)
        share = schedule(step, size.steps)
        for group, peak in zip(subject.optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * share
        batch = to_device(feed.batch(step), place)
        loss = run_user_code(
            lambda batch=batch: one_step(subject, parameters, batch, plan.clip),  # type: ignore[misc]  # bound early
            f"{recipe.model.build}: training at width {size.width}",
            BUILD,
        )
        losses.append(loss)
        if step % CHECK_INTERVAL == CHECK_INTERVAL - 1:
            if not bool(torch.isfinite(torch.stack(losses[seen:])).all()):
                return result("diverged", None, f"loss not finite by step {step + 1}")
            seen = len(losses)
            timeout = recipe.search.timeout
            if timeout is not None and time.perf_counter() - started > timeout:
                return result("failed", None, f"search.timeout: over {timeout:g} s")
        if judge is not None and step + 1 in judge.steps:
            why = judge(torch.stack(losses).float().cpu().tolist())
            if why is not None:
                return result("pruned", None, why)
    if recipe.search.objective == "train_loss":
        objective = float(torch.stack(losses[-max(1, size.steps // 10) :]).mean())
    else:
        objective = mean_loss(subject, held_out, place)
    if not np.isfinite(objective):
        return result("diverged", None, "the objective is not finite")
    if objective > DIVERGED_FACTOR * untrained:
        return result("diverged", None, "the loss ended above that of the untrained model")
    return result("finished", objective)
