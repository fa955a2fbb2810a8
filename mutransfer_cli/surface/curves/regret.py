"""Regret: the extra loss at larger rungs from using the smallest rung's optimum there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.loss_transform import LossTransform
from mutransfer_cli.surface.curves.noise import Noise
from mutransfer_cli.surface.curves.parabola import Parabola
from mutransfer_cli.surface.curves.seed_effects import Array

DRAWS = 4000
DRAW_SEED = 1


@dataclass(frozen=True, slots=True)
class Regret:
    """Relative extra loss at a larger rung from using the smallest rung's optimum there.

    Attributes:
        size: Size of the larger rung along the axis.
        cost: The rung's loss there relative to its lowest loss, minus 1; None if it cannot be
            measured.
        note: Why it cannot be measured.
    """

    size: float
    cost: Interval | None
    note: str | None = None


def regrets(
    source: Parabola,
    larger: Mapping[float, Parabola],
    noise: Noise,
    transform: LossTransform,
    confidence: float,
) -> tuple[Regret, ...]:
    """The regret at each larger rung.

    It is measured between the parabolas' vertices, because a skew that the rungs share shifts all
    of them alike. Intervals are quantiles over draws of all coefficients from their joint
    distribution.

    Args:
        source: Parabola of the smallest rung.
        larger: Parabolas of the larger rungs, by their size along the axis.
        noise: Noise of the losses.
        transform: The transform of the losses.
        confidence: Confidence level of the intervals, between 0 and 1.
    """
    if source.vertex is None:
        return ()
    rng = np.random.default_rng(DRAW_SEED)
    transferred = Transferred(source.vertex, vertices(source, draws(source, noise, rng)))
    measured = []
    for size, p in larger.items():
        note = unmeasurable(p, source.vertex, transform)
        cost = None if note else regret(p, transferred, noise, transform, rng, confidence)
        measured.append(Regret(size, cost, note))
    return tuple(measured)


@dataclass(frozen=True, slots=True)
class Transferred:
    """The smallest rung's optimum in log2(lr): its estimate, and draws of it, shape (DRAWS,)."""

    value: float
    drawn: Array


def draws(p: Parabola, noise: Noise, rng: np.random.Generator) -> Array:
    """Draw coefficients, shape (DRAWS, 3), from their multivariate t distribution."""
    normal = rng.multivariate_normal(np.zeros(3), p.inverse * noise.variance, DRAWS)
    scale = np.sqrt(noise.degrees_of_freedom / rng.chisquare(noise.degrees_of_freedom, DRAWS))
    return np.asarray(p.coefficients + normal * scale[:, None])


def vertices(p: Parabola, coefficients: Array) -> Array:
    """log2(lr) of the lowest point in the window of each drawn parabola, shape (DRAWS,)."""
    b, c = coefficients[:, 1], coefficients[:, 2]
    inside = p.center - b / (2 * np.where(c > 0, c, np.nan))
    edge = np.where(p.at(p.low, coefficients) < p.at(p.high, coefficients), p.low, p.high)
    return np.asarray(np.clip(np.where(np.isnan(inside), edge, inside), p.low, p.high))


def unmeasurable(p: Parabola, transferred: float, transform: LossTransform) -> str | None:
    """Why the regret at a rung cannot be measured; None if it can.

    Args:
        p: Parabola of the rung.
        transferred: The smallest rung's optimum, in log2(lr).
        transform: The transform of the losses.
    """
    curve = p.curve
    if p.vertex is None:
        return "this rung has no optimum inside its range"
    if transform.loss(float(p.at(p.vertex))) <= 0:
        return "the lowest loss is not positive, so there is no relative cost"
    if len(curve.censored) and transferred >= curve.censored.min():
        return "the smallest rung's optimum diverges on this rung"
    if curve.x[0] <= transferred <= curve.x[-1]:
        return None
    if np.any(abs(curve.pruned - transferred) < 1):
        return (
            "the smallest rung's optimum was pruned on this rung, so the regret cannot be "
            "measured; rerun with prune: none"
        )
    return "the smallest rung's optimum lies outside the range that was swept on this rung"


def regret(
    p: Parabola,
    transferred: Transferred,
    noise: Noise,
    transform: LossTransform,
    rng: np.random.Generator,
    confidence: float,
) -> Interval:
    """The regret at one rung.

    The loss at the transferred rate is that of the parabola inside its window; outside, it is
    interpolated between the measured means.

    Args:
        p: Parabola of the rung, which has a vertex.
        transferred: The smallest rung's optimum.
        noise: Noise of the losses.
        transform: The transform of the losses.
        rng: Random generator for the draws.
        confidence: Confidence level of the interval, between 0 and 1.
    """
    assert p.vertex is not None
    x = p.curve.x
    interpolated = PchipInterpolator(x, p.curve.means + p.level)
    coefficients = draws(p, noise, rng)
    lowest = p.at(vertices(p, coefficients), coefficients)

    def loss(at: Array, parabola: Array, error: Array | float) -> Array:
        inside = (at >= p.low) & (at <= p.high)
        return np.where(inside, parabola, interpolated(np.clip(at, x[0], x[-1])) + error)

    at = np.array([transferred.value])
    value = float(transform.relative_excess(loss(at, p.at(at), 0.0)[0], p.at(p.vertex)))
    mean_error = (noise.variance / p.seeds_per_rate) ** 0.5
    errors = rng.standard_t(noise.degrees_of_freedom, DRAWS) * mean_error
    losses = loss(transferred.drawn, p.at(transferred.drawn, coefficients), errors)
    costs = np.maximum(transform.relative_excess(losses, lowest), 0)
    low, high = np.quantile(costs, [0.5 - confidence / 2, 0.5 + confidence / 2])
    value = max(value, 0.0)
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))
