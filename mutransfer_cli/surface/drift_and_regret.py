"""How the optimum moves with width, and what keeping the smallest rung's optimum costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

from mutransfer_cli.documents.fit import Line, Regret
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.loss_transform import Scale
from mutransfer_cli.surface.noise import Noise
from mutransfer_cli.surface.parabola import Parabola
from mutransfer_cli.surface.seed_effects import Array

DRAWS = 4000
SEED = 1

Vertex = tuple[Parabola, float]


def line_of(
    vertices: Sequence[Vertex], noise: Noise, confidence: float
) -> tuple[Interval, Line] | None:
    """Weighted least squares of log2(lr) on log2(width): the drift, and the line's centre.

    Weights are the vertices' inverse variances; where they scatter about the line by more than
    those say, the interval widens by as much. None for fewer than two rungs.
    """
    if len(vertices) < 2:
        return None
    x = np.log2([p.curve.width for p, _ in vertices])
    y = np.array([v for _, v in vertices])
    weight = 1 / np.array([max(p.vertex_variance(noise.variance), 1e-12) for p, _ in vertices])
    centre = float(weight @ x / weight.sum())
    spread = float(weight @ (x - centre) ** 2)
    slope = float(weight @ ((x - centre) * y) / spread)
    level = float(weight @ y / weight.sum())
    scatter = weight @ (y - level - slope * (x - centre)) ** 2
    freedom = len(vertices) - 2
    inflation = max(1.0, float(scatter) / freedom) ** 0.5 if freedom else 1.0
    reach = noise.quantile(confidence) * inflation
    drift_half, level_half = reach / spread**0.5, reach / float(weight.sum()) ** 0.5
    drift = Interval(value=slope, low=slope - drift_half, high=slope + drift_half)
    lr = Interval(
        value=2.0**level, low=2.0 ** (level - level_half), high=2.0 ** (level + level_half)
    )
    return drift, Line(width=float(2.0**centre), lr=lr)


def regrets(
    source: Parabola,
    others: Sequence[Parabola],
    noise: Noise,
    scale: Scale,
    confidence: float,
) -> tuple[Regret, ...]:
    """At each larger rung: its loss at the smallest rung's optimum, over its own lowest, less 1.

    Between the parabolas' vertices: a skew that rungs have in common moves all of them alike.
    Intervals are quantiles of draws of all coefficients from their joint distribution.
    """
    vertex = source.vertex
    if vertex is None:
        return ()
    rng = np.random.default_rng(SEED)
    drawn_source = drawn(source, noise, rng)
    vertices = vertices_of(source, drawn_source)
    return tuple(
        regret_at(p, vertex, vertices, noise, scale, rng, confidence)
        for p in others
        if p.curve.width > source.curve.width
    )


def drawn(p: Parabola, noise: Noise, rng: np.random.Generator) -> Array:
    """Coefficients (DRAWS, 3) from the multivariate t around the fitted ones."""
    normal = rng.multivariate_normal(np.zeros(3), p.inverse * noise.variance, DRAWS)
    scale = np.sqrt(noise.freedom / rng.chisquare(noise.freedom, DRAWS))
    return np.asarray(p.coefficients + normal * scale[:, None])


def vertices_of(p: Parabola, coefficients: Array) -> Array:
    """log2(lr) of each drawn parabola's lowest point in the window."""
    b, c = coefficients[:, 1], coefficients[:, 2]
    inside = p.centre - b / (2 * np.where(c > 0, c, np.nan))
    edge = np.where(p.at(p.low, coefficients) < p.at(p.high, coefficients), p.low, p.high)
    return np.asarray(np.clip(np.where(np.isnan(inside), edge, inside), p.low, p.high))


def regret_at(
    p: Parabola,
    vertex: float,
    vertices: Array,
    noise: Noise,
    scale: Scale,
    rng: np.random.Generator,
    confidence: float,
) -> Regret:
    width, x = p.curve.width, p.curve.x
    own = p.vertex
    if own is None:
        return Regret(width=width, value=None, note="this rung has no optimum inside its range")
    if scale.loss(float(p.at(own))) <= 0:
        return Regret(width=width, value=None, note="a loss below zero has no relative cost")
    diverged = p.curve.censored
    if len(diverged) and vertex >= diverged.min():
        return Regret(width=width, value=None, note="the smallest rung's optimum diverges here")
    if not x[0] <= vertex <= x[-1] and np.any(abs(p.curve.pruned - vertex) < 1):
        note = "the smallest rung's optimum was pruned here: far worse; prune: none measures it"
        return Regret(width=width, value=None, note=note)
    if not x[0] <= vertex <= x[-1]:
        return Regret(width=width, value=None, note="outside the range that was swept here")
    table = PchipInterpolator(x, p.curve.means + p.level)
    coefficients = drawn(p, noise, rng)
    lowest = p.at(vertices_of(p, coefficients), coefficients)

    def loss(at: Array, parabola: Array, error: Array | float) -> Array:
        inside = (at >= p.low) & (at <= p.high)
        return np.where(inside, parabola, table(np.clip(at, x[0], x[-1])) + error)

    at = np.array([vertex])
    value = float(scale.excess(loss(at, p.at(at), 0.0)[0], p.at(own)))
    error = rng.standard_t(noise.freedom, DRAWS) * (noise.variance / p.seeds) ** 0.5
    ratio = scale.excess(loss(vertices, p.at(vertices, coefficients), error), lowest)
    low, high = np.quantile(np.maximum(ratio, 0), [0.5 - confidence / 2, 0.5 + confidence / 2])
    value = max(value, 0.0)
    return Regret(
        width=width, value=value, low=min(float(low), value), high=max(float(high), value)
    )
