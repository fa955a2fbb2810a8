"""Optimizer steps as a few operations on all trials at once; numbers differ by broadcasting.

A number is (K, 1, …) for each tensor, or one float where all trials and tensors have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from mutransfer_cli.rules.apply import options_of
from mutransfer_cli.rules.plan import Plan

Tensors = Mapping[str, Tensor]
Number = float | list[Tensor]


class Together:
    """What all of them share: the numbers of each trial, moments, and leaving trials out."""

    moments_kept = 1

    def __init__(self, plans: Sequence[Plan], names: Sequence[str], parameters: Tensors) -> None:
        self.names = list(names)
        self.steps = 0
        lines = [{t.name: t for t in plan.tensors} for plan in plans]
        options = [
            [options_of(p, of[n]) for p, of in zip(plans, lines, strict=True)] for n in names
        ]
        self.raw: dict[str, Tensor] = {}
        for key in ("lr", "weight_decay", "eps", "momentum"):
            if key in options[0][0]:
                values = [[float(o[key]) for o in of] for of in options]
                self.raw[key] = torch.tensor(values, dtype=torch.float64)
        if "betas" in options[0][0]:
            for i, key in enumerate(("beta1", "beta2")):
                values = [[float(o["betas"][i]) for o in of] for of in options]
                self.raw[key] = torch.tensor(values, dtype=torch.float64)
        self.nesterov = bool(options[0][0].get("nesterov", False))
        self.moments = [
            [torch.zeros_like(parameters[n]) for n in names] for _ in range(self.moments_kept)
        ]
        self._set(parameters)

    def _set(self, parameters: Tensors) -> None:
        self.values = [parameters[n].detach() for n in self.names]

    def number(self, table: Tensor) -> Number:
        """A table (tensors, K) as something to multiply with."""
        first = float(table.flatten()[0])
        if bool((table == first).all()):
            return first
        return [
            row.to(t.device, t.dtype).view(-1, *[1] * (t.dim() - 1))
            for row, t in zip(table, self.values, strict=True)
        ]

    def keep(self, trials: Sequence[int], parameters: Tensors) -> None:
        index = torch.tensor(trials)
        self.raw = {key: table[:, index] for key, table in self.raw.items()}
        self.moments = [
            [t.index_select(0, index.to(t.device)) for t in tensors] for tensors in self.moments
        ]
        self._set(parameters)

    def rates(self, shares: Sequence[float]) -> Tensor:
        return self.raw["lr"] * torch.tensor(shares, dtype=torch.float64)

    def decay(self, rates: Tensor) -> None:
        """θ ← (1 - lr λ) θ."""
        if bool((self.raw["weight_decay"] != 0).any()):
            times(self.values, self.number(1 - rates * self.raw["weight_decay"]))

    def step(self, gradients: Tensors, shares: Sequence[float]) -> None:
        self.steps += 1
        with torch.no_grad():
            self.move([gradients[n] for n in self.names], self.rates(shares))

    def move(self, gradients: list[Tensor], rates: Tensor) -> None:
        raise NotImplementedError


def times(tensors: list[Tensor] | tuple[Tensor, ...], by: Number) -> None:
    """In place; a list of numbers broadcasts tensor by tensor."""
    torch._foreach_mul_(tensors, by)


class Adam(Together):
    """Decay is added to the gradient, as torch's Adam does it."""

    moments_kept = 2

    def move(self, gradients: list[Tensor], rates: Tensor) -> None:
        gradients = self.decayed(gradients, rates)
        raw, t = self.raw, self.steps
        first, second = self.moments
        torch._foreach_lerp_(first, gradients, self.number(1 - raw["beta1"]))
        squares = torch._foreach_mul(gradients, gradients)
        torch._foreach_lerp_(second, squares, self.number(1 - raw["beta2"]))
        below = torch._foreach_sqrt(second)
        times(below, self.number((1 - raw["beta2"] ** t) ** -0.5))
        torch._foreach_add_(below, self.number(raw["eps"]))
        change = torch._foreach_div(first, below)
        times(change, self.number(rates / (1 - raw["beta1"] ** t)))
        torch._foreach_sub_(self.values, change)

    def decayed(self, gradients: list[Tensor], rates: Tensor) -> list[Tensor]:
        return with_decay(self, gradients)


class AdamW(Adam):
    def decayed(self, gradients: list[Tensor], rates: Tensor) -> list[Tensor]:
        self.decay(rates)
        return gradients


class SGD(Together):
    def move(self, gradients: list[Tensor], rates: Tensor) -> None:
        gradients = with_decay(self, gradients)
        momentum = self.number(self.raw["momentum"])
        if momentum != 0.0:
            (moving,) = self.moments
            times(moving, momentum)
            torch._foreach_add_(moving, gradients)
            ahead = moving
            if self.nesterov:
                ahead = list(torch._foreach_mul(moving, momentum))
                torch._foreach_add_(ahead, gradients)
            gradients = ahead
        change = list(torch._foreach_mul(gradients, self.number(rates)))
        torch._foreach_sub_(self.values, change)


class Lion(Together):
    """Chen et al. 2023, algorithm 2."""

    def move(self, gradients: list[Tensor], rates: Tensor) -> None:
        (moving,) = self.moments
        towards = list(torch._foreach_lerp(moving, gradients, self.number(1 - self.raw["beta1"])))
        torch._foreach_sign_(towards)
        self.decay(rates)
        times(towards, self.number(rates))
        torch._foreach_sub_(self.values, towards)
        torch._foreach_lerp_(moving, gradients, self.number(1 - self.raw["beta2"]))


class Muon(Together):
    """Torch's: Nesterov's momentum, then five Newton-Schulz steps in bfloat16, all at once."""

    def __init__(self, plans: Sequence[Plan], names: Sequence[str], parameters: Tensors) -> None:
        super().__init__(plans, names, parameters)
        self.defaults = torch.optim.Muon([torch.zeros(1, 1)]).defaults

    def move(self, gradients: list[Tensor], rates: Tensor) -> None:
        coefficients, steps = self.defaults["ns_coefficients"], self.defaults["ns_steps"]
        momentum = self.number(self.raw["momentum"])
        (moving,) = self.moments
        torch._foreach_lerp_(moving, gradients, self.number(1 - self.raw["momentum"]))
        ahead = list(torch._foreach_lerp(gradients, moving, momentum))
        change = [
            orthogonal(g, eps, coefficients, steps).to(value.dtype)
            for g, eps, value in zip(ahead, self.raw["eps"], self.values, strict=True)
        ]
        ratio = [max(1.0, v.shape[1] / v.shape[2]) ** 0.5 for v in self.values]
        self.decay(rates)
        times(change, self.number(rates * torch.tensor(ratio, dtype=torch.float64)[:, None]))
        torch._foreach_sub_(self.values, change)


def orthogonal(
    matrices: Tensor, eps: Tensor, coefficients: tuple[float, float, float], steps: int
) -> Tensor:
    """The nearest orthogonal matrices of (K, m, n), nearly; eps (K,) below their norms."""
    a, b, c = coefficients
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    norm = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
    x = x / torch.maximum(norm, eps.to(x.device, x.dtype).view(-1, 1, 1))
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x


def with_decay(of: Together, gradients: list[Tensor]) -> list[Tensor]:
    """g + λ θ."""
    if not bool((of.raw["weight_decay"] != 0).any()):
        return gradients
    added = list(torch._foreach_mul(of.values, of.number(of.raw["weight_decay"])))
    torch._foreach_add_(added, gradients)
    return added


TOGETHER: dict[str, Callable[[Sequence[Plan], Sequence[str], Tensors], Together]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "lion": Lion,
}
