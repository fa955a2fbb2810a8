"""The shape of the loss around its optimum, and its derivatives.

    u = h - h*(rung)                            octaves from the optimum
    v_j = u_j + sum_{i != j} m_ji u_i           directions; m_ji = x_ji exp((l_i - l_j) / 2)
    f_j = (E(d + m, v) - E(d - m, v)) / (2 m)   E(k, v) = (exp(k v) - 1) / k: two exponentials
          * exp(s tanh v)                       lopsided near the optimum alone
    q = a sum_j exp(2 l_j) t_j log(1 + f_j/t_j) a = exp(growth . z + unevenness)
    T = tau log(1 + (q + W) / tau)              far from the optimum the loss saturates

W is the wall where runs diverged (`wall.py`). f has its minimum at v = 0 and curvature 1 there,
whatever the rates, for |s| < 2. It contains the parabola (d = m = 0), LINEX (m = d), the hyperbolic
cosine (d = 0) and the Morse potential (d = 3 m), s = 0 in all. s is for valleys that are lopsided
within an octave of the optimum, of which the far sides differ by a constant factor: d would bend
these too. The form as a whole is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.runs import Array, Indices
from mutransfer_cli.surface.response.wall import Wall, wall_at

STRAIGHT = 4.0  # beyond k v = 4, an exponential goes on as its tangent
SMALL = 1e-3  # k v below which dE/dk is a series
SMALLEST_RATE = 1e-9
SMALLEST_RANGE = 1e-4  # of rates; below it, f does not depend on the range


@dataclass(frozen=True)
class Shape:
    """The surface at given runs.

    Attributes:
        offset: Octaves from the optimum, shape (runs, hyperparameters).
        excess: T(q), the loss above the rung's level, shape (runs,).
        gradient: Derivative of level + T by every parameter, shape (runs, parameters).
    """

    offset: Array
    excess: Array
    gradient: Array


def exponential(v: Array, k: Array) -> tuple[Array, Array, Array]:
    """E(k, v) = (exp(k v) - 1) / k, and its derivatives by v and by k.

    Args:
        v: Octaves from the optimum, shape (runs, hyperparameters).
        k: Rate of each direction, shape (hyperparameters,) or that of v.
    """
    k = np.where(np.abs(k) < SMALLEST_RATE, SMALLEST_RATE, k)
    kv = k * v
    clipped = np.minimum(kv, STRAIGHT)
    by_v = np.exp(clipped)
    grown = np.expm1(clipped)
    top = np.exp(STRAIGHT)
    straight = kv > STRAIGHT
    tangent = ((STRAIGHT - 1) * top + 1) / k
    value = np.where(straight, top * v - tangent, grown / k)
    series = v * v * (0.5 + kv / 3 + kv * kv / 8)
    curved = np.where(np.abs(kv) < SMALL, series, (kv * by_v - grown) / k**2)
    return value, by_v, np.where(straight, tangent / k, curved)


def valley(v: Array, skew: Array, steepening: Array) -> tuple[Array, Array, Array, Array]:
    """f(v) with f(0) = f'(0) = 0 and f''(0) = 1, and its derivatives.

    f is the mean of dE/dk over the rates from skew - steepening to skew + steepening.

    Args:
        v: Octaves from the optimum, shape (runs, hyperparameters).
        skew: Half the third derivative, shape (hyperparameters,) or that of v.
        steepening: Half the difference of the rates, of the same shape; its sign has no effect.

    Returns:
        f, and its derivatives by v, skew and steepening.
    """
    sign = np.where(steepening < 0, -1.0, 1.0)
    half = np.maximum(np.abs(steepening), SMALLEST_RANGE)
    high, low = exponential(v, skew + half), exponential(v, skew - half)
    value, by_v, by_skew = ((h - w) / (2 * half) for h, w in zip(high, low, strict=True))
    by_half = (high[2] + low[2]) / (2 * half) - value / half
    return np.maximum(value, 0), by_v, by_skew, sign * by_half


def side_factor(v: Array, lopsidedness: Array) -> tuple[Array, Array]:
    """exp(s tanh v), 1 at the optimum and constant far from it, and its derivative by v.

    Args:
        v: Octaves from the optimum, shape (runs, hyperparameters).
        lopsidedness: s, shape (hyperparameters,) or that of v.
    """
    tangent = np.tanh(v)
    factor = np.exp(lopsidedness * tangent)
    return factor, factor * lopsidedness * (1 - tangent**2)


def shape_at(
    theta: Array, layout: Layout, settings: Array, rung: Indices, sizes: Array, trend: Array
) -> Shape:
    """The surface at runs, with its derivatives.

    Args:
        theta: The parameters, in the order of the layout.
        layout: Their order.
        settings: Hyperparameters in octaves, shape (runs, hyperparameters).
        rung: Index of each run's rung, shape (runs,).
        sizes: Centered sizes of the rungs in octaves, shape (rungs, axes).
        trend: What the drift of each rung's optimum is multiplied by, shape (rungs, axes).
    """
    n, p = settings.shape
    at, axes = layout.slices, layout.axes
    drift = theta[at["drift"]].reshape(p, axes)
    departure = theta[at["departure"]].reshape(layout.rungs, p)
    optima = theta[at["optimum"]] + trend @ drift.T + departure
    u = settings - optima[rung]
    scale, mixing = theta[at["scale"]], mixing_of(theta, layout)
    v = u @ mixing.T
    f, by_v, by_skew, by_steepening = valley(v, theta[at["skew"]], theta[at["steepening"]])
    side, side_by_v = side_factor(v, theta[at["lopsidedness"]])
    by_v = side * by_v + side_by_v * f
    f, by_skew, by_steepening = side * f, side * by_skew, side * by_steepening
    flat = np.exp(theta[at["flattening"]])
    curvature = np.exp(sizes @ theta[at["growth"]] + theta[at["unevenness"]])[rung]
    g = curvature[:, None] * np.exp(2 * scale)
    ratio = f / flat
    along = g * flat * np.log1p(ratio)
    valleys = along.sum(1)
    wall = wall_of(theta, layout, v, rung, sizes)
    q = valleys + wall.cost.sum(1)
    tau = np.exp(theta[at["saturation"]][0])
    excess = tau * np.log1p(q / tau)
    slope = 1 / (1 + q / tau)
    by_f = g / (1 + ratio) * slope[:, None]

    gradient = np.zeros((n, layout.size))
    rows = np.arange(n)
    gradient[rows, at["level"].start + rung] = 1
    dv = by_f * by_v + slope[:, None] * wall.by_offset
    by_optimum = -dv @ mixing
    gradient[:, at["optimum"]] = by_optimum
    along_trend = by_optimum[:, :, None] * trend[rung][:, None, :]
    gradient[:, at["drift"]] = along_trend.reshape(n, -1)
    for j in range(p):
        gradient[rows, at["departure"].start + rung * p + j] = by_optimum[:, j]
    gradient[:, at["skew"]] = by_f * by_skew
    gradient[:, at["steepening"]] = by_f * by_steepening
    gradient[:, at["lopsidedness"]] = by_f * f * np.tanh(v)
    gradient[:, at["growth"]] = (slope * valleys)[:, None] * sizes[rung]
    gradient[rows, at["unevenness"].start + rung] = slope * valleys
    by_scale = 2 * along * slope[:, None]
    for number, (j, i) in enumerate(layout.pairs):
        by_mixing = dv[:, j] * u[:, i]
        gradient[:, at["coupling"].start + number] = by_mixing * np.exp((scale[i] - scale[j]) / 2)
        by_scale[:, i] += by_mixing * mixing[j, i] / 2
        by_scale[:, j] -= by_mixing * mixing[j, i] / 2
    gradient[:, at["scale"]] = by_scale
    gradient[:, at["flattening"]] = (
        slope[:, None] * g * flat * (np.log1p(ratio) - ratio / (1 + ratio))
    )
    gradient[:, at["saturation"].start] = excess - slope * q
    if layout.walls:
        by_location = slope[:, None] * wall.by_location
        gradient[:, at["wall_location"]] = by_location
        gradient[:, at["wall_steepness"]] = slope[:, None] * wall.by_steepness
        gradient[:, at["wall_growth"]] = by_location.sum(1)[:, None] * sizes[rung]
        gradient[rows, at["wall_departure"].start + rung] = by_location.sum(1)
    return Shape(u, excess, gradient)


def mixing_of(theta: Array, layout: Layout) -> Array:
    """The matrix of v = mixing u, shape (hyperparameters, hyperparameters)."""
    scale = theta[layout.slices["scale"]]
    mixing = np.eye(layout.hyperparameters)
    for x, (j, i) in zip(theta[layout.slices["coupling"]], layout.pairs, strict=True):
        mixing[j, i] = x * np.exp((scale[i] - scale[j]) / 2)
    return mixing


def wall_of(theta: Array, layout: Layout, v: Array, rung: Indices, sizes: Array) -> Wall:
    """The wall at runs; none where the layout has none.

    Args:
        theta: The parameters, in the order of the layout.
        layout: Their order.
        v: Directions of the runs in octaves from the optimum, shape (runs, hyperparameters).
        rung: Index of each run's rung, shape (runs,).
        sizes: Centered sizes of the rungs in octaves, shape (rungs, axes).
    """
    if not layout.walls:
        none = np.zeros_like(v)
        return Wall(none, none, none, none)
    at = layout.slices
    of_rungs = sizes @ theta[at["wall_growth"]] + theta[at["wall_departure"]]
    location = theta[at["wall_location"]] + of_rungs[rung][:, None]
    return wall_at(v, location, theta[at["wall_steepness"]])
