"""Training: plain loops for stacks without one of their own, and the plan's own loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from mutransfer_cli.train.schedule import Schedule
from tests.stacks.built import BuiltStack, Curve, Emitted
from tests.stacks.cases import BATCH, LENGTH, STEPS, VOCABULARY
from tests.stacks.readings import Reading, group_numbers


def token_batches() -> list[Tensor]:
    """A batch of tokens for every step: batch × (length + 1), a learnable sequence with noise."""
    stream = torch.Generator().manual_seed(5)
    starts = torch.randint(0, VOCABULARY, (STEPS, BATCH, 1), generator=stream)
    noise = torch.randint(0, 4, (STEPS, BATCH, LENGTH + 1), generator=stream)
    return list((starts + 3 * torch.arange(LENGTH + 1) + noise) % VOCABULARY // 2)


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Mean cross entropy of tokens[:, 1:], for logits of tokens[:, :-1]."""
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def plain_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    """The loss of a model that returns logits, or an object with them."""
    logits = model(tokens[:, :-1])
    return next_token_loss(logits if isinstance(logits, Tensor) else logits.logits, tokens)


def loop(
    loss_of: Callable[[nn.Module, Tensor], Tensor] = plain_loss,
    schedulers: Sequence[Any] = (),
    clip: Callable[[nn.Module], None] | None = None,
) -> Callable[[BuiltStack, Sequence[Tensor]], Curve]:
    """A plain loop over a stack's optimizers and schedulers, for `BuiltStack.train`."""

    def train(stack: BuiltStack, batches: Sequence[Tensor]) -> Curve:
        losses, shares = [], []
        group = stack.optimizers[0].param_groups[0]
        names = {id(parameter): name for name, parameter in stack.model.named_parameters()}
        peak = group_numbers(stack)[names[id(group["params"][0])]].lr
        stack.model.train()
        for tokens in batches:
            shares.append(float(group["lr"]) / peak)
            loss = loss_of(stack.model, tokens)
            for optimizer in stack.optimizers:
                optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                clip(stack.model)
            elif stack.clip is not None:
                torch.nn.utils.clip_grad_norm_(stack.model.parameters(), stack.clip)
            for optimizer in stack.optimizers:
                optimizer.step()
            for scheduler in schedulers:
                scheduler.step()
            losses.append(loss.item())
        return Curve(losses, shares)

    return train


def planned_shares(emitted: Emitted) -> list[float]:
    """The plan's learning rate at every step, as a share of the peak."""
    s = emitted.recipe.schedule
    schedule = Schedule(s.name, s.warmup, s.final, s.decay)
    return [schedule.lr_factor(step, STEPS) for step in range(STEPS)]


def copy_weights(
    planned: Mapping[str, Reading], source: nn.Module, stack: BuiltStack, scale: float | None
) -> dict[str, float]:
    """Give the stack the weights of the plan's model, in the form for its multipliers.

    Args:
        planned: The plan's numbers.
        source: The proxies' model, initialized by the plan.
        stack: The built stack.
        scale: The plan's attention scale, where queries absorb the difference; else None.

    Returns:
        For each tensor the stack's multiplier divided by the plan's.
    """
    weights, parameters = dict(source.named_parameters()), dict(stack.model.named_parameters())
    ratios = {}
    for piece in stack.pieces:
        t = stack.multipliers.get(piece.name, 1.0) / planned[piece.name].multiplier
        if scale is not None and stack.attention_scale and "q_proj.weight" in piece.name:
            t = stack.attention_scale / scale
        piece.copy(weights[piece.name].detach() / t, parameters)
        ratios[piece.name] = t
    return ratios


def plan_optimizers(
    emitted: Emitted, model: nn.Module, stack: BuiltStack, ratios: Mapping[str, float], own: bool
) -> list[Optimizer]:
    """The optimizers of the plan's loop.

    Args:
        emitted: The files and their plan.
        model: The proxies' model.
        stack: The built stack.
        ratios: The stack's multipliers divided by the plan's.
        own: Whether the plan's own optimizers are used; else AdamW and Muon with the stack's
            numbers.
    """
    if own:
        return emitted.plan.optimizers(model)
    numbers, parameters = group_numbers(stack), dict(model.named_parameters())
    groups: dict[str, list[dict[str, Any]]] = {"adamw": [], "muon": []}
    for piece in {p.name: p for p in stack.pieces}.values():
        n, t = numbers[piece.parameter], ratios[piece.name]
        options = {"lr": n.lr * t, "weight_decay": n.weight_decay / t, "eps": (n.eps or 0.0) / t}
        groups[n.optimizer].append({"params": [parameters[piece.name]], **options})
    muon = [torch.optim.Muon(groups["muon"], momentum=0.95)] if groups["muon"] else []
    return [torch.optim.AdamW(groups["adamw"], betas=emitted.plan.betas), *muon]


def plan_curve(
    model: nn.Module,
    optimizers: Sequence[Optimizer],
    batches: Sequence[Tensor],
    shares: Sequence[float],
    clip: tuple[float | None, Mapping[str, float]],
) -> list[float]:
    """The losses of a loop that applies the plan by the library.

    Args:
        model: The proxies' model, initialized and with its multipliers installed.
        optimizers: Its optimizers.
        batches: The batches of tokens.
        shares: The learning rate of every step as a share of the peak.
        clip: The threshold, and what the stack's gradients are multiplied by, by tensor.
    """
    peaks = [[g["lr"] for g in optimizer.param_groups] for optimizer in optimizers]
    losses = []
    model.train()
    for tokens, share in zip(batches, shares, strict=True):
        loss = plain_loss(model, tokens)
        for optimizer, lrs in zip(optimizers, peaks, strict=True):
            optimizer.zero_grad()
            for group, lr in zip(optimizer.param_groups, lrs, strict=True):
                group["lr"] = lr * share
        loss.backward()
        clip_as_stack(model, *clip)
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
    return losses


def clip_as_stack(model: nn.Module, threshold: float | None, ratios: Mapping[str, float]) -> None:
    """Clip by the norm that the stack sees: its gradients are t times the plan's."""
    if threshold is None:
        return
    if all(ratio == 1.0 for ratio in ratios.values()):
        torch.nn.utils.clip_grad_norm_(model.parameters(), threshold)
        return
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    squares = [(g * ratios.get(n, 1.0)).double().square().sum() for n, g in gradients.items()]
    share = min(1.0, threshold / (float(torch.stack(squares).sum().sqrt()) + 1e-6))
    for gradient in gradients.values():
        gradient.mul_(share)
