"""The shape of the loss around its optimum, and its derivatives.

    u = h - h*(rung)                    octaves from the optimum
    phi_j = (exp(k_j u_j) - 1) / k_j    each direction is bent: steeper above the optimum for k > 0
    v_j = phi_j + sum_{i>j} m_ji phi_i  entangled directions; m_ji = x_ji exp((l_i - l_j) / 2)
    q = a/2 sum_j exp(2 l_j) v_j^2      a = exp(growth . z + unevenness)
    T = tau log(1 + q/tau)              far from the optimum the loss saturates

phi is the Morse potential's coordinate (Morse 1929, Phys. Rev. 34, 57): the minimum stays at u = 0
whatever the bend. The form as a whole is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.runs import Array, Indices

STRAIGHT = 4.0  # beyond k u = 4, phi goes on as its tangent
SMALL = 1e-4  # k u below which phi is a series


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


def bent(u: Array, k: Array) -> tuple[Array, Array, Array]:
    """phi, and its derivatives by u and by k.

    Args:
        u: Octaves from the optimum, shape (runs, hyperparameters).
        k: Bend of each hyperparameter, shape (hyperparameters,).
    """
    k = np.where(np.abs(k) < 1e-9, 1e-9, k)
    ku = k * u
    clipped = np.minimum(ku, STRAIGHT)
    e = np.exp(clipped)
    top = np.exp(STRAIGHT)
    straight = ku > STRAIGHT
    phi = np.where(straight, top * u - ((STRAIGHT - 1) * top + 1) / k, np.expm1(clipped) / k)
    by_k = np.where(
        straight,
        ((STRAIGHT - 1) * top + 1) / k**2,
        np.where(np.abs(ku) < SMALL, u * u / 2 + k * u**3 / 3, (ku * e - np.expm1(clipped)) / k**2),
    )
    return phi, e, by_k


def shape_at(theta: Array, layout: Layout, settings: Array, rung: Indices, sizes: Array) -> Shape:
    """The surface at runs, with its derivatives.

    Args:
        theta: The parameters, in the order of the layout.
        layout: Their order.
        settings: Hyperparameters in octaves, shape (runs, hyperparameters).
        rung: Index of each run's rung, shape (runs,).
        sizes: Centered sizes of the rungs in octaves, shape (rungs, axes).
    """
    n, p = settings.shape
    at, axes = layout.slices, layout.axes
    drift = theta[at["drift"]].reshape(p, axes)
    departure = theta[at["departure"]].reshape(layout.rungs, p)
    optima = theta[at["optimum"]] + sizes @ drift.T + departure
    u = settings - optima[rung]
    phi, by_u, by_k = bent(u, theta[at["bend"]])
    scale = theta[at["scale"]]
    mixing = np.eye(p)
    for x, (j, i) in zip(theta[at["coupling"]], layout.pairs, strict=True):
        mixing[j, i] = x * np.exp((scale[i] - scale[j]) / 2)
    v = phi @ mixing.T
    curvature = np.exp(sizes @ theta[at["growth"]] + theta[at["unevenness"]])[rung]
    gv = curvature[:, None] * np.exp(2 * scale) * v  # dq/dv
    q = (gv * v).sum(1) / 2
    tau = np.exp(theta[at["saturation"]][0])
    excess = tau * np.log1p(q / tau)
    slope = 1 / (1 + q / tau)

    gradient = np.zeros((n, layout.size))
    rows = np.arange(n)
    gradient[rows, at["level"].start + rung] = 1
    by_phi = gv @ mixing
    by_optimum = -by_phi * by_u * slope[:, None]
    gradient[:, at["optimum"]] = by_optimum
    z = sizes[rung]
    gradient[:, at["drift"]] = (by_optimum[:, :, None] * z[:, None, :]).reshape(n, -1)
    for j in range(p):
        gradient[rows, at["departure"].start + rung * p + j] = by_optimum[:, j]
    gradient[:, at["bend"]] = by_phi * by_k * slope[:, None]
    gradient[:, at["growth"]] = (slope * q)[:, None] * z
    gradient[rows, at["unevenness"].start + rung] = slope * q
    by_scale = gv * v
    for number, (j, i) in enumerate(layout.pairs):
        by_mixing = gv[:, j] * phi[:, i]
        gradient[:, at["coupling"].start + number] = (
            by_mixing * np.exp((scale[i] - scale[j]) / 2) * slope
        )
        by_scale[:, i] += by_mixing * mixing[j, i] / 2
        by_scale[:, j] -= by_mixing * mixing[j, i] / 2
    gradient[:, at["scale"]] = by_scale * slope[:, None]
    gradient[:, at["saturation"].start] = excess - slope * q
    return Shape(u, excess, gradient)
