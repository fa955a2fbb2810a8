"""A parabola through the window of each rung, with noise pooled over rates, seeds and rungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from mutransfer_cli.fit.curve import Array, Curve


@dataclass(frozen=True)
class Parabola:
    """a + b·t + c·t² with t = x - centre, fitted to the mean losses of a window."""

    curve: Curve
    x: Array  # the window's rates
    losses: Array  # (points, seeds) of the window
    centre: float
    low: float  # ends of the window, in log2(lr)
    high: float
    coefficients: Array  # a, b, c
    inverse: Array  # (XᵀX)⁻¹: times the variance of a mean loss, their covariance
    residuals: Array

    @property
    def level(self) -> float:
        """How far the window's seeds lie above those that the whole curve has in common."""
        inside = np.isin(self.curve.x, self.x)
        return float(self.losses.mean() - self.curve.means[inside].mean())

    @property
    def vertex(self) -> float | None:
        """log2(lr) of the minimum; None where the parabola opens downwards or it lies outside."""
        _, b, c = self.coefficients
        if c <= 0:
            return None
        v = self.centre - b / (2 * c)
        return float(v) if self.low < v < self.high else None

    def at(self, x: Array | float, coefficients: Array | None = None) -> Array:
        """Loss at x; coefficients (…, 3) may be drawn ones."""
        a, b, c = np.moveaxis(self.coefficients if coefficients is None else coefficients, -1, 0)
        t = np.asarray(x) - self.centre
        return np.asarray(a + b * t + c * t**2)

    def vertex_variance(self, noise: float) -> float:
        """Delta method; noise is the variance of a mean loss."""
        _, b, c = self.coefficients
        gradient = np.array([0.0, -1 / (2 * c), b / (2 * c**2)])
        return float(gradient @ self.inverse @ gradient * noise)


def design(t: Array, degree: int) -> Array:
    return np.vander(t, degree + 1, increasing=True)


def parabola_of(curve: Curve) -> Parabola | None:
    """The least-squares parabola of a curve's window; None where there is no window."""
    window = curve.window()
    if window is None:
        return None
    x, losses = curve.x[window], curve.within(window)
    y = losses.mean(1)
    centre = float(x.mean())
    matrix = design(x - centre, 2)
    inverse = np.linalg.inv(matrix.T @ matrix)
    coefficients = inverse @ matrix.T @ y
    left = y - matrix @ coefficients
    return Parabola(
        curve, x, losses, centre, float(x[0]), float(x[-1]), coefficients, inverse, left
    )


@dataclass(frozen=True)
class Noise:
    """Variance of a mean loss over the seeds, and its degrees of freedom."""

    variance: float
    freedom: int

    def quantile(self, confidence: float) -> float:
        """Two-sided, of Student's t."""
        return float(special.stdtrit(self.freedom, 0.5 + confidence / 2))


def noise_of(parabolas: Sequence[Parabola]) -> Noise | None:
    """Pooled over all rungs; the larger of two estimates.

    Lack of fit: residuals of the means, 2 degrees of freedom a rung. Pure error: seeds about the
    mean at each rate, once each seed's own level is taken out (common random numbers shift a whole
    curve). A true curve is no parabola, so the first alone counts where it is larger.
    """
    misfit, misfit_freedom, pure, pure_freedom = 0.0, 0, 0.0, 0
    for p in parabolas:
        misfit += float(p.residuals @ p.residuals)
        misfit_freedom += len(p.residuals) - 3
        losses = p.losses
        points, seeds = losses.shape
        left = losses - losses.mean(1, keepdims=True) - losses.mean(0) + losses.mean()
        pure += float((left**2).sum()) / seeds
        pure_freedom += (points - 1) * (seeds - 1)
    if misfit_freedom == 0:
        return None
    alone = misfit / misfit_freedom
    pooled = (misfit + pure) / (misfit_freedom + pure_freedom)
    if alone >= pooled:
        return Noise(alone, misfit_freedom)
    return Noise(pooled, misfit_freedom + pure_freedom)


def fieller(p: Parabola, noise: Noise, confidence: float) -> tuple[float, float] | None:
    """The values of the vertex that the data do not exclude (Fieller 1954), inside the window.

    None where they reach past the window on both sides: the optimum is not resolved.
    """
    _, b, c = p.coefficients
    q = noise.quantile(confidence) ** 2 * noise.variance
    v = p.inverse
    # (b + 2cu)² ≤ q·Var(b + 2cu), a quadratic in u = vertex - centre
    square = 4 * (c**2 - q * v[2, 2])
    linear = 4 * (b * c - q * v[1, 2])
    constant = b**2 - q * v[1, 1]
    root = linear**2 - 4 * square * constant
    if square <= 0 or root < 0:
        return None
    ends = sorted((-linear + s * np.sqrt(root)) / (2 * square) + p.centre for s in (-1, 1))
    low, high = float(ends[0]), float(ends[1])
    if low <= p.low and high >= p.high:
        return None
    return max(low, p.low), min(high, p.high)


def cubic_shifts(parabolas: Sequence[Parabola]) -> list[tuple[float, float]]:
    """How far a common cubic term may move each vertex, in octaves: (down, up), around 0.

    Loss curves rise faster above the optimum than below, so a parabola's vertex is biased by an
    amount that its own residuals do not show. The term is estimated over all rungs together, and
    taken one standard error to either side.
    """
    if not parabolas:
        return []
    rows, values = [], []
    for i, p in enumerate(parabolas):
        t = p.x - p.centre
        own = np.zeros((len(t), 3 * len(parabolas)))
        own[:, 3 * i : 3 * i + 3] = design(t, 2)
        rows.append(np.column_stack([own, t**3]))
        values.append(p.losses.mean(1))
    matrix, y = np.vstack(rows), np.concatenate(values)
    solution = np.linalg.lstsq(matrix, y, rcond=None)[0]
    residual = y - matrix @ solution
    freedom = max(1, len(y) - matrix.shape[1])
    variance = float(residual @ residual) / freedom * np.linalg.inv(matrix.T @ matrix)[-1, -1]
    k, error = float(solution[-1]), float(variance**0.5)
    found = []
    for p in parabolas:
        ends = [cubic_shift(p, value) for value in (k - error, k, k + error)]
        found.append((min(0.0, *ends), max(0.0, *ends)))
    return found


def cubic_shift(p: Parabola, k: float) -> float:
    """From the parabola's vertex to the lowest point of a cubic with this third coefficient."""
    vertex = p.vertex
    if vertex is None:
        return 0.0
    t = p.x - p.centre
    a, b, c = p.inverse @ design(t, 2).T @ (p.losses.mean(1) - k * t**3)
    grid = np.linspace(p.low, p.high, 801)
    at = grid - p.centre
    lowest = float(grid[int(np.argmin(a + b * at + c * at**2 + k * at**3))])
    return lowest - vertex if p.low < lowest < p.high else 0.0
