"""Where training settles: batch sharpness of SGD, and curvature over the steps of Lion and Muon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from mutransfer_cli.optimizers.lion import Lion
from mutransfer_cli.probes.curvature.batch_sharpness import batch_sharpness
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.stability import stability
from mutransfer_cli.probes.curvature.step_ball import ball_ratio, step_ball

FEW, MANY = 512, 2048  # many: more than the network fits in the steps of the test
Batch = tuple[Tensor, Tensor]


def labels(count: int) -> Batch:
    """Random labels in four classes: training has to bend the model for each of them."""
    torch.manual_seed(0)
    x = torch.randn(count, 32)
    return x, nn.functional.one_hot(torch.randint(0, 4, (count,)), 4).float()


def product_of_signs() -> Batch:
    """The sign of a product of two coordinates, with noise."""
    torch.manual_seed(0)
    x = torch.randn(256, 16)
    return x, torch.sign(x[:, :1] * x[:, 1:2]) + 0.5 * torch.randn(256, 1)


def network(inputs: int, width: int, outputs: int, activation: type[nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(inputs, width), activation(), nn.Linear(width, width), activation(),
        nn.Linear(width, outputs),
    )  # fmt: skip


def squared(model: nn.Module, batch: Batch) -> Tensor:
    return (model(batch[0]) - batch[1]).square().sum(1).mean()


def trained(
    model: nn.Module, optimizer: Optimizer, data: Batch, batch: int, steps: int, every: int
) -> Iterator[int]:
    """Train; stop to be measured at every so many steps of the second half."""
    generator = torch.Generator().manual_seed(3)
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        (only,) = drawn(data, batch, 1, generator)
        squared(model, only).backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        optimizer.step()
        if step > steps // 2 and step % every == 0:
            yield step


def drawn(data: Batch, batch: int, count: int, generator: torch.Generator) -> list[Batch]:
    chosen = [torch.randperm(len(data[0]), generator=generator)[:batch] for _ in range(count)]
    return [(data[0][rows], data[1][rows]) for rows in chosen]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beta", "examples", "batch", "rate", "steps", "low", "high"),
    [
        (0.0, FEW, 16, 0.3, 3000, 1.8, 2.2),
        (0.0, FEW, FEW, 0.3, 1500, 1.8, 2.2),
        (0.8, FEW, 16, 0.075, 3000, 0.36, 0.52),  # 2(1 - β) = 0.4
        (0.8, MANY, MANY, 0.5, 1200, 3.2, 3.8),  # 2(1 + β) = 3.6
    ],
)
def test_batch_sharpness_settles_where_theory_says(
    beta: float, examples: int, batch: int, rate: float, steps: int, low: float, high: float
) -> None:
    """Times the learning rate: 2(1 - β) with small batches, 2(1 + β) with large (2604.14108)."""
    data, model = labels(examples), network(32, 48, 4, nn.SiLU)
    optimizer = SGD(model.parameters(), lr=rate, momentum=beta)
    generator = torch.Generator().manual_seed(7)
    found, whole = [], []
    for _ in trained(model, optimizer, data, batch, steps, steps // 20):
        measured = batch_sharpness(
            model, squared, drawn(data, batch, 24 if batch < examples else 1, generator), optimizer
        )
        assert measured is not None
        found.append(measured.value)
        hessian = Hessian(model, squared, [data])
        whole.append(stability(hessian, optimizer, tolerance=0.03).scaled)
    print(f"{beta} {batch}: batches {mean(found):.2f}, all examples {mean(whole):.2f}")
    assert low <= mean(found) <= high
    if batch < examples:  # the control: the curvature of the whole loss stays below it
        assert mean(whole) < 0.9 * mean(found)


@pytest.mark.slow
@pytest.mark.parametrize(("betas", "peak"), [((0.0, 0.0), 1.3), ((0.9, 0.99), 5.0)])
def test_steps_of_one_length_settle_at_their_threshold(
    betas: tuple[float, float], peak: float
) -> None:
    """At S = 2D (2603.05002), at any rate: there the steps no longer lower the loss.

    Sign descent comes to it from below. Lion goes beyond it while its loss still falls, so that a
    ratio above 1 does not say that a rate is too large.
    """
    data, model = product_of_signs(), network(16, 32, 1, nn.Tanh)
    optimizer = Lion(model.parameters(), lr=3e-4, betas=betas)
    losses, ratios = [], []
    for _ in trained(model, optimizer, data, len(data[0]), 1500, 50):
        ball = step_ball(optimizer)
        assert ball is not None
        ratio = ball_ratio(Hessian(model, squared, [data], ball.parameters), ball)
        assert ratio is not None
        ratios.append(ratio)
        losses.append(float(squared(model, data).detach()))
    print(betas, [f"{value:.2f}" for value in ratios])
    assert mean(ratios[-4:]) == pytest.approx(1, abs=0.1)
    assert max(ratios) < peak
    if betas[0]:  # far beyond the threshold, and within 100 steps the loss is less than half
        worst = ratios.index(max(ratios))
        assert ratios[worst] > 2 and losses[worst + 2] < losses[worst] / 2
