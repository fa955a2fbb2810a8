"""Classes whose update is of one kind for large gradients and of another for small ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import ASGD, Optimizer

from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN
from mutransfer_cli.optimizers.own.known_geometry import known_geometry
from mutransfer_cli.optimizers.own.measured_geometry import measured_update
from mutransfer_cli.optimizers.own.own_optimizer import reason


class Direct(Optimizer):
    """w ← w - rate · direction(gradient, w)."""

    def __init__(self, groups: Any, direction: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.direction = direction
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * self.direction(p.grad, p)


def clipped(gradient: Tensor, weight: Tensor) -> Tensor:
    """Adaptive gradient clipping (Brock et al., arXiv 2102.06171), of whole tensors, at 0.01."""
    return gradient * min(1.0, 0.01 * float(weight.norm() / gradient.norm()))


def with_prior(gradient: Tensor, weight: Tensor) -> Tensor:
    """A sign for gradients far above a prior of 0.01, the gradient over it far below."""
    return gradient / (gradient.square() + 1e-4).sqrt()


@pytest.mark.parametrize("direction", [clipped, with_prior])
def test_a_kind_that_depends_on_the_gradients_size_has_no_rule(
    direction: Callable[[Tensor, Tensor], Tensor],
) -> None:
    measured = measured_update(lambda groups: Direct(groups, direction))
    assert known_geometry(measured) is None
    assert reason(measured).startswith("its kind depends on the size of the gradient")
    assert "(small ones: ^" in str(measured.matrix)


def test_the_same_without_a_threshold() -> None:
    """Controls: the plain sign, the plain gradient, and a decay that outweighs small gradients."""
    for make, geometry in (
        (lambda groups: Direct(groups, lambda g, w: g.sign()), SIGN),
        (lambda groups: Direct(groups, lambda g, w: g), GRADIENT),
        (ASGD, GRADIENT),
    ):
        match = known_geometry(measured_update(make))
        assert match is not None and match.geometry == geometry
