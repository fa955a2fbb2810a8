"""Curvature between the steps of a run, against the optimizer's threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from mutransfer_cli.probes.curvature.batch_sharpness import (
    BatchSharpness,
    batch_sharpness,
    is_plain,
)
from mutransfer_cli.probes.curvature.critical_rate import CriticalRate, critical_learning_rate
from mutransfer_cli.probes.curvature.flat import trained_parameters
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.stability import Stability, has_threshold, stability
from mutransfer_cli.probes.curvature.step_ball import ball_ratio, step_ball
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss

POINTS = 3  # along a run
BATCHES = 1  # of a measurement, none of them trained on
SMALL_BATCHES = 8  # for batch sharpness
TOLERANCE = 0.03  # of an eigenvalue
# What a point costs, measured on a GPT of widths 32 and 128: 24 products with the Hessian for two
# eigenvalues (AdamW), 17 to 45 for a box (Lion), at most 60 for a spectral ball (Muon)
PRODUCT_STEPS = 4.0  # steps that take as long as one product
PRODUCTS, BOX_PRODUCTS, SPECTRAL_PRODUCTS = 24.0, 44.0, 79.0
BATCH_STEPS = 6.0  # one product and two gradients for a small batch
LINE_STEPS = 6.0  # some ten losses


@dataclass(frozen=True)
class Point:
    """A measurement between two steps.

    Attributes:
        step: Number of steps taken.
        stability: Sharpness and threshold; None where the optimizer's threshold is not known.
        critical: The critical multiple of the coming update.
        method: How products with the Hessian were computed.
        ball: Largest curvature over steps of the length of Lion's or Muon's, over its threshold.
        batch: Learning rate times batch sharpness, of SGD.
    """

    step: int
    stability: Stability | None
    critical: CriticalRate
    method: str
    ball: float | None = None
    batch: BatchSharpness | None = None


def measured_run(trainee: Trainee) -> list[Point]:
    """Train to the end; measure between steps, closer together at first.

    Args:
        trainee: What to train.

    Raises:
        InputError: A loss is not finite, or no parameter is trained.
    """
    last = trainee.steps - 1
    places = {max(1, round(x)) for x in np.geomspace(max(2.0, last / 30), last, POINTS)}
    hessian = Hessian(trainee.model, trainee.loss, trainee.unseen(BATCHES))
    measurable = has_threshold(trainee.optimizer)
    points: list[Point] = []
    start: tuple[Tensor, Tensor] | None = None
    for step in range(trainee.steps):
        measured = step in places
        found, ball, batch = None, None, None
        if measured:
            hessian.loss()  # refuses one that is not finite
            ball, batch = _in_ball(hessian, trainee), _of_batches(trainee)
        if measured and measurable:
            found = stability(hessian, trainee.optimizer, start, TOLERANCE)
            start = found.vectors
        before = [p.detach().clone() for p in trained_parameters(trainee.model)] if measured else []
        finite_loss(trainee.step(step), step)
        if measured:
            critical = _critical(hessian, trainee, before)
            points.append(Point(step, found, critical, hessian.method, ball, batch))
    return points


def measuring_steps(optimizer: Optimizer) -> float:
    """Steps that take as long as measuring all points of a run, about.

    Args:
        optimizer: The run's.
    """
    ball = step_ball(optimizer)
    products = PRODUCTS if has_threshold(optimizer) else 0.0
    if ball is not None:
        products += SPECTRAL_PRODUCTS if any(ball.spectral) else BOX_PRODUCTS
    batches = SMALL_BATCHES if is_plain(optimizer) else 0
    return POINTS * (PRODUCT_STEPS * products + BATCH_STEPS * batches + LINE_STEPS)


def _in_ball(hessian: Hessian, trainee: Trainee) -> float | None:
    """The largest curvature over steps of Lion's or Muon's length, over its threshold."""
    ball = step_ball(trainee.optimizer)
    if ball is None:
        return None
    own = Hessian(trainee.model, trainee.loss, hessian.batches, ball.parameters)
    return ball_ratio(own, ball)


def _of_batches(trainee: Trainee) -> BatchSharpness | None:
    if not is_plain(trainee.optimizer):
        return None
    batches = trainee.unseen(SMALL_BATCHES)
    return batch_sharpness(trainee.model, trainee.loss, batches, trainee.optimizer)


def _critical(hessian: Hessian, trainee: Trainee, before: list[Tensor]) -> CriticalRate:
    """The critical multiple of the update that was just made; the weights stay as they are."""
    parameters = trained_parameters(trainee.model)
    after = [p.detach().clone() for p in parameters]
    update = [b - a for a, b in zip(before, after, strict=True)]
    for p, old in zip(parameters, before, strict=True):
        p.data.copy_(old)

    def loss() -> float:
        values = [float(trainee.loss(trainee.model, b).detach()) for b in hessian.batches]
        return sum(values) / len(values)

    found = critical_learning_rate(loss, parameters, update)
    for p, new in zip(parameters, after, strict=True):
        p.data.copy_(new)
    return found
