"""The test error of kernel ridge regression from the spectrum of its kernel.

Simon, Dickens, Karkada and DeWeese, "The eigenlearning framework" (arXiv 2110.03922), equations 6
to 9: κ solves Σ λᵢ/(λᵢ + κ) + δ/κ = n, mode i is learned to the share λᵢ/(λᵢ + κ), and the mean
squared error is E₀ Σ (1 - share)² vᵢ² with E₀ = n/(n - Σ share²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spectrum:
    """A kernel and a target on a finite domain, each of whose points is as likely as the others.

    Attributes:
        values: Eigenvalues λ of the kernel as an operator (modes,).
        weights: Squared coefficients v² of the target (modes,); their sum is its mean square.
    """

    values: Array
    weights: Array

    @classmethod
    def of(cls, kernel: Array, target: Array) -> Spectrum:
        """Decompose a kernel matrix (points, points) and a target (points,)."""
        values, vectors = np.linalg.eigh(kernel / len(kernel))
        return cls(np.maximum(values, 0.0), (vectors.T @ target) ** 2 / len(kernel))


def predicted_error(spectrum: Spectrum, examples: int, ridge: float) -> float:
    """The expected mean squared test error.

    Args:
        spectrum: Kernel and target.
        examples: Number n of training examples, drawn independently.
        ridge: δ, which is added to the diagonal of their kernel matrix; positive.
    """
    values = spectrum.values

    def excess(log_kappa: float) -> float:
        kappa = np.exp(log_kappa)
        return float((values / (values + kappa)).sum() + ridge / kappa - examples)

    top = np.log((values.sum() + ridge) / examples) + 1
    kappa = np.exp(brentq(excess, np.log(ridge / examples) - 1, top))
    share = values / (values + kappa)
    scale = examples / (examples - float((share**2).sum()))
    return scale * float(((1 - share) ** 2 * spectrum.weights).sum())


def measured_error(
    kernel: Array, target: Array, examples: int, ridge: float, rng: np.random.Generator
) -> float:
    """The mean squared error of kernel ridge regression over the domain, for one training set.

    Args:
        kernel: Kernel of all points (points, points).
        target: Target at all points (points,).
        examples: Number of training examples, drawn with replacement.
        ridge: Added to the diagonal of their kernel matrix.
        rng: Draws them.
    """
    chosen = rng.integers(0, len(kernel), examples)
    inner = kernel[np.ix_(chosen, chosen)] + ridge * np.eye(examples)
    found = kernel[:, chosen] @ np.linalg.solve(inner, target[chosen])
    return float(((found - target) ** 2).mean())


@dataclass(frozen=True)
class Sample:
    """Spectra of a kernel and a target on points that are a sample of a population.

    The spectrum of N points predicts too small an error, by a share of about examples/N (7 % for
    128 of 1,536 normal inputs): twice the prediction from all points, less that from halves of
    them, is free of that order (derived: Richardson's extrapolation in 1/N).

    Attributes:
        whole: From all points.
        halves: From either half of them.
    """

    whole: Spectrum
    halves: tuple[Spectrum, Spectrum]

    @classmethod
    def of(cls, kernel: Array, target: Array) -> Sample:
        """Decompose a kernel matrix (points, points) and a target (points,), in random order."""
        middle = len(kernel) // 2
        first, second = slice(None, middle), slice(middle, None)
        return cls(
            Spectrum.of(kernel, target),
            (
                Spectrum.of(kernel[first, first], target[first]),
                Spectrum.of(kernel[second, second], target[second]),
            ),
        )

    def predicted_error(self, examples: int, ridge: float) -> float:
        """The expected mean squared test error over the population; see `predicted_error`."""
        whole = predicted_error(self.whole, examples, ridge)
        found = 2 * whole - sum(predicted_error(s, examples, ridge) for s in self.halves) / 2
        return found if found > 0 else whole  # a sample too small to extrapolate from


def unseen_error(
    kernel: Array, target: Array, examples: int, ridge: float, rng: np.random.Generator
) -> float:
    """The mean squared error of kernel ridge regression at points that were not trained on.

    Args:
        kernel: Kernel of all points (points, points), more than `examples`.
        target: Target at all points (points,).
        examples: Number of training examples, each another point.
        ridge: Added to the diagonal of their kernel matrix.
        rng: Draws them.
    """
    order = rng.permutation(len(kernel))
    chosen, others = order[:examples], order[examples:]
    inner = kernel[np.ix_(chosen, chosen)] + ridge * np.eye(examples)
    found = kernel[np.ix_(others, chosen)] @ np.linalg.solve(inner, target[chosen])
    return float(((found - target[others]) ** 2).mean())


def gaussian_error(
    spectrum: Spectrum, examples: int, ridge: float, rng: np.random.Generator
) -> float:
    """The error for one training set if the kernel's eigenfunctions were independent normals.

    It is what the derivation of `predicted_error` assumes of them (arXiv 2110.03922, section 4.1).

    Args:
        spectrum: Kernel and target.
        examples: Number of training examples.
        ridge: Added to the diagonal of their kernel matrix.
        rng: Draws the eigenfunctions at the examples.
    """
    features = rng.normal(size=(examples, len(spectrum.values)))
    target = np.sqrt(spectrum.weights)
    scaled = features * spectrum.values
    inner = scaled @ features.T + ridge * np.eye(examples)
    learned = scaled.T @ np.linalg.solve(inner, features @ target)
    return float(((learned - target) ** 2).sum())
