"""BFGS for many small problems of one kind at once: starts, or bootstrap refits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array, Indices, Mask

# (parameters (m, p), indices of the problems (m,)) -> values (m,), gradients (m, p)
Objective: TypeAlias = Callable[[Array, Indices], tuple[Array, Array]]

ARMIJO = 1e-4
HALVINGS = 30
STALLS = 3  # iterations in a row without progress, after which a problem is finished


@dataclass(frozen=True, slots=True)
class Minima:
    """The minima of a batch of problems.

    Attributes:
        parameters: Shape (problems, parameters).
        values: The objective there, shape (problems,).
        converged: Whether the search ended before the limit of iterations, at a finite value.
    """

    parameters: Array
    values: Array
    converged: Mask


def minimize(
    objective: Objective, starts: Array, *, iterations: int = 400, tolerance: float = 1e-10
) -> Minima:
    """Minimize each problem from its start, by BFGS with backtracking (Nocedal, Wright 2006, 6.1).

    Args:
        objective: Values and gradients of the problems with the given indices.
        starts: Shape (problems, parameters).
        iterations: Limit of iterations.
        tolerance: Relative decrease of the objective that counts as progress.
    """
    count, size = starts.shape
    x, every = starts.copy(), np.arange(count)
    f, g = objective(x, every)
    inverse = np.broadcast_to(np.eye(size), (count, size, size)).copy()
    fresh = np.ones(count, dtype=bool)  # problems whose inverse Hessian has no scale yet
    stalls = np.zeros(count, dtype=int)
    active = np.flatnonzero(np.isfinite(f))
    for _ in range(iterations):
        if not len(active):
            break
        direction = -np.einsum("kij,kj->ki", inverse[active], g[active])
        slope = np.einsum("ki,ki->k", direction, g[active])
        uphill = slope >= 0
        direction[uphill] = -g[active[uphill]]
        slope[uphill] = -np.einsum("ki,ki->k", g[active[uphill]], g[active[uphill]])
        inverse[active[uphill]] = np.eye(size)
        fresh[active[uphill]] = True
        norm = np.maximum(np.linalg.norm(direction, axis=1), 1e-300)
        first = np.where(fresh[active], np.minimum(1.0, 0.1 / norm), 1.0)
        step, new_f, new_g = _line_search(
            objective, (x[active], f[active], active), direction, slope, first
        )
        shift = step[:, None] * direction
        _update(inverse, fresh, active, shift, new_g - g[active])
        progress = f[active] - new_f > tolerance * np.maximum(1.0, np.abs(f[active]))
        x[active] += shift
        f[active], g[active] = new_f, new_g
        # a stalled search begins again from the steepest descent before it is given up
        stalls[active] = np.where(progress, 0, stalls[active] + 1)
        again = active[stalls[active] == 1]
        inverse[again], fresh[again] = np.eye(size), True
        active = active[stalls[active] < STALLS]
    converged = np.isfinite(f)
    converged[active] = False
    return Minima(x, f, converged)


def _line_search(
    objective: Objective,
    state: tuple[Array, Array, Indices],
    direction: Array,
    slope: Array,
    first: Array,
) -> tuple[Array, Array, Array]:
    """Steps that decrease each objective enough, with the values and gradients there."""
    x, f, problems = state
    step = first.copy()
    accepted_f, accepted_g = f.copy(), np.zeros_like(x)
    open_ = np.arange(len(x))
    for _ in range(HALVINGS):
        trial = x[open_] + step[open_, None] * direction[open_]
        value, gradient = objective(trial, problems[open_])
        enough = value <= f[open_] + ARMIJO * step[open_] * slope[open_]
        done = open_[enough]
        accepted_f[done], accepted_g[done] = value[enough], gradient[enough]
        open_ = open_[~enough]
        if not len(open_):
            break
        step[open_] *= 0.4
    if len(open_):  # no decrease along this direction: stay
        step[open_] = 0.0
        accepted_f[open_], accepted_g[open_] = objective(x[open_], problems[open_])
    return step, accepted_f, accepted_g


def _update(inverse: Array, fresh: Mask, active: Indices, shift: Array, change: Array) -> None:
    """The BFGS update of the inverse Hessians, where the curvature along the step is positive."""
    product = np.einsum("ki,ki->k", shift, change)
    norms = np.linalg.norm(shift, axis=1) * np.linalg.norm(change, axis=1)
    usable = product > 1e-10 * norms
    if not usable.any():
        return
    problems, s, y, sy = active[usable], shift[usable], change[usable], product[usable]
    matrix = inverse[problems]
    new = fresh[problems]
    scale = sy[new] / np.einsum("ki,ki->k", y[new], y[new])
    matrix[new] *= scale[:, None, None]
    fresh[problems] = False
    hy = np.einsum("kij,kj->ki", matrix, y)
    yhy = np.einsum("ki,ki->k", y, hy)
    outer = np.einsum("ki,kj->kij", s, s)
    cross = np.einsum("ki,kj->kij", hy, s)
    matrix += outer * ((1 + yhy / sy) / sy)[:, None, None]
    matrix -= (cross + cross.transpose(0, 2, 1)) / sy[:, None, None]
    inverse[problems] = matrix
