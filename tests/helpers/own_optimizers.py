"""Optimizers as users write them, whose updates are known by their formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class OneFormula(Optimizer):
    """w ← (1 - rate · decay) w - rate · direction(gradient, w)."""

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """The step at rate 1."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Step."""
        for group in self.param_groups:
            for p in group["params"]:
                direction = self.direction(p.grad, p)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(direction, alpha=group["lr"])


class Signs(OneFormula):
    """Signs, times a factor."""

    def __init__(
        self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, factor: float = 1.0
    ) -> None:
        super().__init__(params, lr, weight_decay)
        self.factor = factor

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs."""
        return self.factor * gradient.sign()


class Descent(OneFormula):
    """The gradient."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """The gradient."""
        return gradient


class Polar(OneFormula):
    """The gradient with all singular values 1, times the root of the longer side."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """U Vᵀ √max(out, in)."""
        u, s, v = torch.linalg.svd(gradient, full_matrices=False)
        return (u * (s > 0)) @ v * float(max(gradient.shape)) ** 0.5


class PolarOfOneSize(OneFormula):
    """The gradient with equal singular values, brought to an RMS of 1, as in AdaMuon."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Of the same rank; √side times as large at rank one as at full rank."""
        u, s, v = torch.linalg.svd(gradient.reshape(len(gradient), -1), full_matrices=False)
        polar = ((u * (s > 1e-3 * s[0])) @ v).reshape(gradient.shape)
        return polar / (polar.square().mean().sqrt() + 1e-12)


class Normalized(OneFormula):
    """The gradient over its Frobenius norm: entries shrink with the tensor."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Of norm 1."""
        return gradient / (gradient.norm() + 1e-12)


class Root(OneFormula):
    """The root of every entry: neither the gradient's scale nor none."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signed roots."""
        return gradient.sign() * gradient.abs().sqrt()


class Coupled(OneFormula):
    """The gradient over the norm of all gradients of its group."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Step."""
        for group in self.param_groups:
            norm = sum(float(p.grad.square().mean()) for p in group["params"]) ** 0.5
            for p in group["params"]:
                p.sub_(p.grad / (norm + 1e-12), alpha=group["lr"])


class ThreeBetas(OneFormula):
    """Signs; with three betas and two epsilons, as Adan and CAME have."""

    def __init__(
        self,
        params: Any,
        lr: float = 0.1,
        weight_decay: float = 0.0,
        betas: tuple[float, float, float] = (0.9, 0.9, 0.9),
        eps: tuple[float, float] = (1e-8, 1e-3),
    ) -> None:
        super().__init__(params, lr, weight_decay)
        _, _, _ = betas
        _, _ = eps

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs."""
        return gradient.sign()


class ProximalSigns(Signs):
    """w ← (w - rate · signs) / (1 + rate · decay), as Adan decays."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Step."""
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(p.grad.sign(), alpha=group["lr"])
                p.div_(1 + group["lr"] * group["weight_decay"])


class TrustRatio(OneFormula):
    """0.001 · |w| · gradient / |gradient|, as LARS does: steps are relative, norms are not kept."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """As large as a thousandth of the tensor."""
        return 0.001 * weight.norm() * gradient / (gradient.norm() + 1e-12)


class OwnRate(OneFormula):
    """Signs at the square of the rate."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """As large as the rate."""
        return float(self.param_groups[0]["lr"]) * gradient.sign()


class Viewing(Signs):
    """Reads tensors by `view`, which needs them contiguous."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs."""
        return weight.view(-1).sign().abs().view_as(weight) * gradient.sign()


class LateSigns(Signs):
    """Three steps along the gradient, then signs; steps only after `train()`."""

    training = False
    steps = 0

    def train(self) -> None:
        """Allow steps."""
        self.training = True

    def step(self, closure: Any = None) -> None:
        """Step."""
        assert self.training, "train() was not called"
        self.steps += 1
        super().step(closure)

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """The gradient at first."""
        return gradient if self.steps <= 3 else gradient.sign()


class Starting(Signs):
    """The gradient until a step, then signs; the step is a number of its constructor."""

    def __init__(
        self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, start_signs_step: int = 200
    ) -> None:
        super().__init__(params, lr, weight_decay)
        self.start_signs_step = start_signs_step
        self.steps = 0

    def step(self, closure: Any = None) -> None:
        """Step."""
        self.steps += 1
        super().step(closure)

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """The gradient at first."""
        return gradient if self.steps < self.start_signs_step else gradient.sign()


class NormalizesLate(Signs):
    """Signs, over the norm of the gradient from its 20th step on, by its code alone."""

    steps = 0

    def step(self, closure: Any = None) -> None:
        """Step."""
        self.steps += 1
        super().step(closure)

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs at first."""
        return gradient.sign() / (gradient.norm() if self.steps > 20 else 1.0)


class Ends(Starting):
    """Signs until a step, then nothing, as a class with a schedule of its own."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs at first."""
        return gradient.sign() * float(self.steps < self.start_signs_step)


@dataclass(frozen=True)
class Settings:
    """Numbers of a class in an object, as distributed Shampoo has them."""

    start_after: int = 40
    block_size: int = 128


class Configured(Signs):
    """Signs, with numbers in a class attribute, in an object and in its groups."""

    PERIOD = 70

    def __init__(self, params: Any, lr: float = 0.1, settings: Settings | None = None) -> None:
        super().__init__(params, lr)
        self.settings = settings or Settings()
        self.param_groups[0]["refresh"] = 90
        self.param_groups[0]["early"] = 5


class Waiting(Signs):
    """Signs whatever its numbers say, as an interval that changes nothing."""

    def __init__(
        self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, update_interval: int = 150
    ) -> None:
        super().__init__(params, lr, weight_decay)
        self.update_interval = update_interval
