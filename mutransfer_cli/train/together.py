"""Optimizer steps as a few operations on the rows of all trials at once.

A number is a float where all trials and tensors have the same, else (K, 1), or (K, columns) where
tensors differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.rules.apply import options_of
from mutransfer_cli.rules.plan import Plan
from mutransfer_cli.train.rows import Layout, padded

Number = float | Tensor


class Together:
    """What all of them share: the numbers of each trial, moments, and leaving trials out."""

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
            [options_of(p, of[n]) for n in self.names] for p, of in zip(plans, lines, strict=True)
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

    def number(self, numbers: Tensor) -> Number:
        """A table (K, tensors) as something to multiply rows with."""
        if bool((numbers == numbers[0, 0]).all()):
            return float(numbers[0, 0])
        like = self.values
        if bool((numbers == numbers[:, :1]).all()):
            return numbers[:, :1].to(like.device, like.dtype)
        sizes = torch.tensor([padded(prod(self.layout.shapes[n])) for n in self.names])
        return numbers.repeat_interleave(sizes, 1).to(like.device, like.dtype)

    def shared(self, shares: Sequence[float]) -> Number:
        """Of each trial's peak learning rate."""
        if all(s == shares[0] for s in shares):
            return shares[0]
        return torch.tensor(shares, dtype=self.values.dtype).to(self.values.device)[:, None]

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

    def decay(self, share: Number) -> None:
        """θ ← (1 - lr λ) θ."""
        if self.decays:
            self.values.mul_(1 - self.fading * share)

    def decayed(self) -> Tensor:
        """g + λ θ."""
        if not self.decays:
            return self.gradients
        return self.values * self.of["weight_decay"] + self.gradients

    @torch.no_grad()
    def step(self, shares: Sequence[float]) -> None:
        self.steps += 1
        self.move(self.shared(shares))

    def move(self, share: Number) -> None:
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


class Adam(Together):
    """Decay is added to the gradient, as torch's Adam does it."""

    moments_kept = 2

    def move(self, share: Number) -> None:
        gradients = self.prepared(share)
        raw, t = self.raw, self.steps
        first, second = self.moments
        towards_(first, gradients, self.less["beta1"])
        towards_(second, gradients * gradients, self.less["beta2"])
        below = second.sqrt().mul_(self.number((1 - raw["beta2"] ** t) ** -0.5))
        below.add_(self.of["eps"])
        change = first / below
        change.mul_(self.of["lr"] * share * self.number(1 / (1 - raw["beta1"] ** t)))
        self.values.sub_(change)

    def prepared(self, share: Number) -> Tensor:
        return self.decayed()


class AdamW(Adam):
    def prepared(self, share: Number) -> Tensor:
        self.decay(share)
        return self.gradients


class SGD(Together):
    def move(self, share: Number) -> None:
        change = self.decayed()
        if bool((self.raw["momentum"] != 0).any()):
            momentum, (moving,) = self.of["momentum"], self.moments
            moving.mul_(momentum).add_(change)
            change = moving * momentum + change if self.nesterov else moving
        self.values.sub_(change * (self.of["lr"] * share))


class Lion(Together):
    """Chen et al. 2023, algorithm 2."""

    def move(self, share: Number) -> None:
        (moving,) = self.moments
        change = towards(moving, self.gradients, self.less["beta1"]).sign_()
        self.decay(share)
        self.values.sub_(change.mul_(self.of["lr"] * share))
        towards_(moving, self.gradients, self.less["beta2"])


TOGETHER: dict[str, Callable[..., Together]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "lion": Lion,
}
