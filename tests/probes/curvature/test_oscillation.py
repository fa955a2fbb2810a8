"""Where sign descent, Lion and orthogonalized descent oscillate on quadratics, derived by hand.

On ½Σhx² a sign step of length η takes every x to within η of zero, and then from a to a - η and
back, 0 < a < η. The largest curvature over the box is S = η²Σh, the slope D = ηΣh|x|, so that the
ratio S/2D is ηΣh/(2Σh|x|): below 1 while the loss falls at all lengths, and over the two places of
the cycle, where Σh|x| adds up to ηΣh, its inverses add up to 2, at whatever rate. A multiple c of
the step changes the loss by -cD + c²S/2, so that the critical multiple is 2D/S, the inverse of it.

Orthogonalized descent on ½h|W|² does the same to the singular values of W.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.optimizers.lion import Lion
from mutransfer_cli.probes.curvature.critical_rate import critical_learning_rate
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.step_ball import ball_ratio, step_ball

CURVATURES = torch.tensor([4.0, 1.0, 0.25, 2.0, 0.5, 8.0], dtype=torch.float64)
Loss = Callable[[nn.Module, Any], Tensor]


class Weights(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.w = nn.Parameter(torch.randn(*shape, dtype=torch.float64))


def bowl(model: nn.Module, batch: Any) -> Tensor:
    total: Tensor = (CURVATURES * model.w.square()).sum() / 2  # type: ignore[operator,union-attr]  # a parameter
    return total


def round_bowl(model: nn.Module, batch: Any) -> Tensor:
    total: Tensor = 3 * model.w.square().sum() / 2  # type: ignore[operator,union-attr]  # a parameter
    return total


def ratios(
    model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer, steps: int, last: int = 2
) -> Any:
    """The ratio before each of the last steps, and the bounds of the critical multiple of each."""
    ball, hessian = step_ball(optimizer), Hessian(model, loss, [None])
    assert ball is not None
    found = []
    for step in range(steps):
        optimizer.zero_grad()
        loss(model, None).backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        before = [p.detach().clone() for p in model.parameters()]
        ratio = ball_ratio(hessian, ball) if step >= steps - last else None
        optimizer.step()
        if ratio is not None:
            after = [p.detach().clone() for p in model.parameters()]
            for p, old in zip(model.parameters(), before, strict=True):
                p.data.copy_(old)
            update = [new - old for new, old in zip(after, before, strict=True)]
            value = lambda: float(loss(model, None).detach())  # noqa: E731  # short
            multiple = critical_learning_rate(value, list(model.parameters()), update)
            for p, new in zip(model.parameters(), after, strict=True):
                p.data.copy_(new)
            found.append((ratio, multiple.low, multiple.high))
    return found


@pytest.mark.parametrize("rate", [0.02, 0.05])
@pytest.mark.parametrize("steps", [2, 200])
def test_sign_descent(rate: float, steps: int) -> None:
    model = Weights(6)
    x = model.w.detach().abs()
    (first, low, high), (second, *_) = ratios(
        model, bowl, Lion(model.parameters(), lr=rate, betas=(0.0, 0.0)), steps
    )
    if steps == 200:  # the cycle
        assert 1 / first + 1 / second == pytest.approx(2)
    else:  # the control: far from it
        start = rate * CURVATURES.sum() / (2 * (CURVATURES * x).sum())
        assert first == pytest.approx(float(start)) and first < 0.2
    assert low <= 1 / first <= high


def test_lion_ends_between_eight_ninths_and_one() -> None:
    """Lion cannot leave the lattice a + kη of its steps, and its momentum holds the mean of x at 0.

    Every other step is at a, 0 ≤ a ≤ η/2, the others at a + η (a share p) or a - η: their mean is
    zero for p = ½ - a/η, and then |x| is η/2·(1 + a/η - 2(a/η)²) on average, η/2 to 9η/16. Where
    .9m + .1g has no sign the mean of x is off by up to .05η.
    """
    model = Weights(6)
    found = ratios(model, bowl, Lion(model.parameters(), lr=0.02, betas=(0.9, 0.99)), 1500, 20)
    mean = len(found) / sum(1 / ratio for ratio, _, _ in found)
    assert 8 / 9 - 0.05 <= mean <= 1.05


@pytest.mark.parametrize("rate", [0.02, 0.05])
def test_orthogonalized_descent(rate: float) -> None:
    """Torch's Muon without momentum; its iteration for UVᵀ in bfloat16 has two digits.

    Its coefficients here are those of Newton and Schulz, which converge; the default ones make
    singular values between .7 and 1.2 on purpose.
    """
    model = Weights(4, 4)
    muon = torch.optim.Muon(
        model.parameters(), lr=rate, weight_decay=0.0, momentum=0.0, nesterov=False,
        ns_coefficients=(1.5, -0.5, 0.0), ns_steps=30,
    )  # fmt: skip
    singular = torch.linalg.svdvals(model.w.detach())
    (far, _, _), _ = ratios(model, round_bowl, muon, 2)
    assert far == pytest.approx(rate * 4 / (2 * float(singular.sum())), rel=1e-3)
    assert far < 0.1  # the control
    (first, low, high), (second, *_) = ratios(model, round_bowl, muon, 200)
    assert 1 / first + 1 / second == pytest.approx(2, rel=0.03)
    assert 0.99 * low <= 1 / first <= 1.01 * high
