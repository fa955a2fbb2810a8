"""Optimizer steps as a few operations on the rows of all trials at once.

A number is a float where all trials and tensors have the same, else (K, 1), or (K, columns) where
tensors differ. What changes from step to step lies in a tensor on the device, which `set` fills, so
that `move` can be captured once and replayed (`graph.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.plans.param_groups import group_options
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.population.flat_params import Layout, padded

Number = float | Tensor


class VectorizedOptimizer:
    """What all of them share: the numbers of each trial, moments, and leaving trials out."""

    static = True
    moments_kept = 1

    def __init__(
        self,
        plans: Sequence[Plan],
        names: Sequence[str],
        layout: Layout,
        rows: Tensor,
        gradients: Tensor,
    ) -> None:
        self.names = sorted(names, key=lambda n: layout.starts[n])
        self.layout = layout
        self.steps = 0
        lines = [{t.name: t for t in plan.tensors} for plan in plans]
        options = [
            [group_options(p, of[n]) for n in self.names]
            for p, of in zip(plans, lines, strict=True)
        ]
        first = options[0][0]
        self.raw: dict[str, Tensor] = {}  # (K, tensors)
        for key in ("lr", "weight_decay", "eps", "momentum"):
            if key in first:
                self.raw[key] = table([[o[key] for o in of] for of in options])
        if "betas" in first:
            for i, key in enumerate(("beta1", "beta2")):
                self.raw[key] = table([[o["betas"][i] for o in of] for of in options])
        self.nesterov = bool(first.get("nesterov", False))
        low, high = layout.within(names)
        self.moments = [rows.new_zeros(len(rows), high - low) for _ in range(self.moments_kept)]
        self._set(rows, gradients)

    def _set(self, rows: Tensor, gradients: Tensor) -> None:
        low, high = self.layout.within(self.names)
        self.values, self.gradients = rows[:, low:high], gradients[:, low:high]
        self.of = {key: self.number(numbers) for key, numbers in self.raw.items()}
        self.less = {
            key: self.number(1 - self.raw[key])
            for key in ("beta1", "beta2", "momentum")
            if key in self.raw
        }
        self.fading = self.number(self.raw["lr"] * self.raw["weight_decay"])
        self.decays = bool((self.raw["weight_decay"] != 0).any())
        self.changing = self.values.new_zeros(len(self.changes([1.0] * len(rows))), len(rows), 1)
        self.share = self.changing[0]

    def number(self, numbers: Tensor) -> Number:
        """A table (K, tensors) as something to multiply rows with."""
        if bool((numbers == numbers[0, 0]).all()):
            return float(numbers[0, 0])
        like = self.values
        if bool((numbers == numbers[:, :1]).all()):
            return numbers[:, :1].to(like.device, like.dtype)
        sizes = torch.tensor([padded(prod(self.layout.shapes[n])) for n in self.names])
        return numbers.repeat_interleave(sizes, 1).to(like.device, like.dtype)

    def keep(self, trials: Sequence[int], rows: Tensor, gradients: Tensor) -> None:
        index = torch.tensor(trials)
        self.raw = {key: numbers[index] for key, numbers in self.raw.items()}
        self.moments = [m.index_select(0, index.to(m.device)) for m in self.moments]
        self._set(rows, gradients)

    def state(self) -> dict[str, Any]:
        return {"moments": self.moments, "steps": self.steps}

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        self.steps = state["steps"]
        for moment, kept in zip(self.moments, state["moments"], strict=True):
            moment.copy_(kept[list(trials)])

    def decay(self) -> None:
        """θ ← (1 - lr λ) θ."""
        if self.decays:
            self.values.mul_(1 - self.fading * self.share)

    def decayed(self) -> Tensor:
        """g + λ θ."""
        if not self.decays:
            return self.gradients
        return self.values * self.of["weight_decay"] + self.gradients

    def changes(self, shares: Sequence[float]) -> list[Tensor]:
        """What changes from step to step, each (K,): the shares come first."""
        return [torch.tensor(shares, dtype=torch.float64)]

    def set(self, shares: Sequence[float]) -> None:
        self.steps += 1
        found = torch.stack(self.changes(shares))[:, :, None].to(self.changing.dtype)
        self.changing.copy_(found, non_blocking=True)

    def move(self) -> None:
        raise NotImplementedError


def table(numbers: list[list[float]]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def towards(moment: Tensor, gradients: Tensor, weight: Number) -> Tensor:
    """moment + weight (gradients - moment); torch.lerp takes no mixed shapes."""
    if isinstance(weight, float):
        return torch.lerp(moment, gradients, weight)
    return torch.addcmul(moment, gradients - moment, weight)


def towards_(moment: Tensor, gradients: Tensor, weight: Number) -> None:
    """The same, in place."""
    if isinstance(weight, float):
        moment.lerp_(gradients, weight)
    else:
        moment.addcmul_(gradients - moment, weight)


class Adam(VectorizedOptimizer):
    """Decay is added to the gradient, as torch's Adam does it."""

    moments_kept = 2

    def changes(self, shares: Sequence[float]) -> list[Tensor]:
        """Beside the shares: these over the first moment's bias; one over the second's root."""
        found = super().changes(shares)
        beta1, beta2 = (self.raw[key][:, 0] for key in ("beta1", "beta2"))
        t = max(self.steps, 1)
        return [*found, found[0] / (1 - beta1**t), (1 - beta2**t) ** -0.5]

    @torch.no_grad()
    def move(self) -> None:
        gradients = self.prepared()
        first, second = self.moments
        _, rate, unbiased = self.changing
        towards_(first, gradients, self.less["beta1"])
        towards_(second, gradients * gradients, self.less["beta2"])
        below = second.sqrt().mul_(unbiased)
        below.add_(self.of["eps"])
        change = first / below
        change.mul_(self.of["lr"] * rate)
        self.values.sub_(change)

    def prepared(self) -> Tensor:
        return self.decayed()


class AdamW(Adam):
    def prepared(self) -> Tensor:
        self.decay()
        return self.gradients


class SGD(VectorizedOptimizer):
    def _set(self, rows: Tensor, gradients: Tensor) -> None:
        super()._set(rows, gradients)
        self.coasts = bool((self.raw["momentum"] != 0).any())

    @torch.no_grad()
    def move(self) -> None:
        change = self.decayed()
        if self.coasts:
            momentum, (moving,) = self.of["momentum"], self.moments
            moving.mul_(momentum).add_(change)
            change = moving * momentum + change if self.nesterov else moving
        self.values.sub_(change * (self.of["lr"] * self.share))


class Lion(VectorizedOptimizer):
    """Chen et al. 2023, algorithm 2."""

    @torch.no_grad()
    def move(self) -> None:
        (moving,) = self.moments
        change = towards(moving, self.gradients, self.less["beta1"]).sign_()
        self.decay()
        self.values.sub_(change.mul_(self.of["lr"] * self.share))
        towards_(moving, self.gradients, self.less["beta2"])


TOGETHER: dict[str, Callable[..., VectorizedOptimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "lion": Lion,
}
