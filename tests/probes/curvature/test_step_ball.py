"""Largest curvature over boxes and spectral balls, whose maxima are known; batch sharpness."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.optimizers.lion import Lion
from mutransfer_cli.probes.curvature.batch_sharpness import batch_sharpness
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.step_ball import ball_ratio, largest_curvature, step_ball

DOUBLE = torch.float64


class Weights(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.w = nn.Parameter(torch.randn(*shape, dtype=DOUBLE))


@pytest.mark.parametrize("seed", range(3))
def test_over_a_box_it_is_that_of_the_best_corner(seed: int) -> None:
    """A convex function is largest at a corner of the box: 16 of them in four dimensions."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(4, 4, generator=generator, dtype=DOUBLE)
    h = root @ root.T
    radii = torch.tensor([1.0, 0.5, 2.0, 1.0], dtype=DOUBLE)
    corners = [radii * torch.tensor(c, dtype=DOUBLE) for c in product((1.0, -1.0), repeat=4)]
    right = max(float(u @ h @ u) for u in corners)
    found = largest_curvature(lambda v: h @ v, lambda v: radii * v.sign(), corners[0])
    assert found == pytest.approx(right)
    euclidean = float(torch.linalg.eigvalsh(h)[-1] * (radii @ radii))
    assert found < 0.999 * euclidean  # the control: an eigenvalue is not it


def test_over_a_box_negative_curvature_does_not_end_the_search() -> None:
    """Against all 1,024 corners: half of the eigenvalues of these matrices are negative.

    The iteration on H itself falls there, from a good corner to a bad one, and ends.
    """
    corners = torch.tensor(list(product((1.0, -1.0), repeat=10)), dtype=DOUBLE)
    shares, plain = [], []
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        root = torch.randn(10, 10, generator=generator, dtype=DOUBLE)
        h = (root + root.T) / 2
        right = float(((corners @ h) * corners).sum(1).max())
        first = corners[seed]
        found = largest_curvature(lambda v, h=h: h @ v, torch.sign, first)
        assert found <= right * (1 + 1e-9)
        shares.append(found / right)
        once = (h @ first).sign()
        plain.append(float(once @ h @ once) / right)
    assert sum(shares) / len(shares) > 0.8
    assert sum(plain) / len(plain) < 0.5  # the control: one iteration is not enough


def test_over_a_spectral_ball_it_is_the_sum_of_products_of_eigenvalues() -> None:
    """tr(UᵀAUB) ≤ Σ aᵢbᵢ for |U| ≤ 1, both sorted (von Neumann), and U aligning them reaches it.

    The Hessian of ½tr(WᵀAWB) is A ⊗ B. Muon's step has singular values lr·√max(1, out/in) = .2.
    """
    model = Weights(4, 4)
    rotations = [torch.linalg.qr(torch.randn(4, 4, dtype=DOUBLE)).Q for _ in range(2)]
    a, b = torch.tensor([4.0, 3, 2, 1], dtype=DOUBLE), torch.tensor([1.0, 5, 2, 9], dtype=DOUBLE)
    left, right = (q @ torch.diag(v) @ q.T for q, v in zip(rotations, (a, b), strict=True))

    def loss(model: nn.Module, batch: Any) -> Tensor:
        w: Tensor = model.w  # type: ignore[assignment]  # a parameter
        return torch.trace(w.T @ left @ w @ right) / 2

    optimizer = torch.optim.Muon(model.parameters(), lr=0.2)
    ball = step_ball(optimizer)
    assert ball is not None and ball.radii == (0.2,)
    hessian = Hessian(model, loss, [None])
    largest = 0.04 * (4 * 9 + 3 * 5 + 2 * 2 + 1 * 1)
    first = ball.steepest(hessian.gradient())
    assert largest_curvature(hessian.product, ball.steepest, first) == pytest.approx(largest, 1e-2)
    # the control: 4 times the largest eigenvalue is the bound by the Frobenius norm of U
    assert largest < 0.04 * 4 * (4 * 9)
    fall = 0.2 * float(torch.linalg.matrix_norm(left @ model.w.detach() @ right, "nuc"))
    assert ball_ratio(hessian, ball) == pytest.approx(largest / (2 * fall), rel=1e-2)


@pytest.mark.parametrize(("rate", "falls"), [(1.9, True), (2.1, False)])
def test_up_to_the_threshold_a_sign_step_lowers_the_loss(rate: float, falls: bool) -> None:
    """Of ½Σhx² at x = 1: S = η²Σh and D = ηΣh, so the ratio is η/2, and x becomes 1 - η."""
    model = Weights(4)
    curvatures = torch.tensor([4.0, 1, 0.25, 2], dtype=DOUBLE)
    with torch.no_grad():
        model.w.fill_(1.0)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return (curvatures * model.w**2).sum() / 2  # type: ignore[operator, no-any-return]  # a parameter

    optimizer = Lion(model.parameters(), lr=rate)
    ball, hessian = step_ball(optimizer), Hessian(model, loss, [None])
    assert ball is not None and ball_ratio(hessian, ball) == pytest.approx(rate / 2)
    before = hessian.loss()
    loss(model, None).backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    optimizer.step()
    assert (hessian.loss() < before) == falls
    assert step_ball(torch.optim.SGD(model.parameters(), lr=rate)) is None


def test_batch_sharpness_by_hand() -> None:
    """Batch i has the loss ½hᵢx² per entry: gᵀHg/|g|² = Σhᵢ³x²/Σhᵢ²x² along its own gradient.

    With h = (4, 1) and x = (1, 1) it is 65/17, with (1, 1) it is 1: mean (65/17 + 1)/2.
    """
    model = Weights(2)
    with torch.no_grad():
        model.w.fill_(1.0)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return (batch * model.w**2).sum() / 2  # type: ignore[operator, no-any-return]  # a parameter

    batches = [torch.tensor(h, dtype=DOUBLE) for h in ([4.0, 1.0], [1.0, 1.0])]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    found = batch_sharpness(model, loss, batches, optimizer)
    assert found is not None
    assert found.value == pytest.approx(0.1 * (65 / 17 + 1) / 2)
    assert (found.small, found.large) == pytest.approx((0.2, 3.8))  # 2(1 - β), 2(1 + β)
    plain = batch_sharpness(model, loss, batches, torch.optim.SGD(model.parameters(), lr=0.1))
    assert plain is not None and (plain.small, plain.large) == (2, 2)
    mean = torch.tensor([2.5, 1.0], dtype=DOUBLE)  # the control: of the mean loss it is another
    whole = batch_sharpness(model, loss, [mean], optimizer)
    assert whole is not None and whole.value == pytest.approx(0.1 * (2.5**3 + 1) / (2.5**2 + 1))
    assert batch_sharpness(model, loss, batches, torch.optim.Adam(model.parameters())) is None
