"""Normal variables that are all positive: their probability, and draws of them.

Factors of sizes that grow together are known as a sum alone, so that each is anticorrelated with
the others: to set a negative one to zero and to leave the others would miss the sum.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from mutransfer_cli.surface.laws.law_form import Array

SWEEPS = 30  # of Gibbs draws, from the mode
FAR = 37.0  # standard deviations below zero, beyond which the tail is drawn as at this distance


def log_all_positive(mean: Array, covariance: Array) -> Array:
    """Log probability that normal variables are all positive, one after the other.

    Each is taken as normal with the moments that it has where those before are positive (Mendell
    and Elston, Biometrics 30, 1974): exact for one variable and for independent ones.

    Args:
        mean: Shape (draws, k).
        covariance: Shape (draws, k, k).
    """
    mean, covariance = mean.copy(), covariance.copy()
    total = np.zeros(len(mean))
    for j in range(mean.shape[1]):
        sd = np.sqrt(np.maximum(covariance[:, j, j], np.finfo(float).tiny))
        z = np.maximum(mean[:, j] / sd, -FAR)
        log_tail = special.log_ndtr(z)
        total += log_tail
        ratio = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_tail)
        shrink = ratio * (ratio + z)  # of the variance
        slope = covariance[:, j] / sd[:, None]
        mean += slope * ratio[:, None]
        covariance -= np.einsum("s,si,sj->sij", shrink, slope, slope)
    return total


def positive_draws(mean: Array, precision: Array, rng: np.random.Generator) -> Array:
    """One draw of each normal vector, given that all of its variables are positive.

    Args:
        mean: Shape (draws, k).
        precision: Shape (draws, k, k).
        rng: Source of the draws.
    """
    if mean.shape[1] == 1:  # that nothing else makes up for: as good as none where negative
        return np.maximum(mean + precision[:, 0] ** -0.5 * rng.standard_normal(mean.shape), 0.0)
    drawn = np.maximum(mean, 0.0)
    for _ in range(SWEEPS):  # to the mode, by coordinates
        for j in range(mean.shape[1]):
            drawn[:, j] = np.maximum(_given_others(drawn, mean, precision, j), 0.0)
    for _ in range(SWEEPS):
        for j in range(mean.shape[1]):
            centre = _given_others(drawn, mean, precision, j)
            sd = precision[:, j, j] ** -0.5
            share = special.ndtr(np.maximum(centre / sd, -FAR))
            kept = share * (1 - rng.random(len(mean)))  # of the upper tail
            drawn[:, j] = np.maximum(centre - sd * special.ndtri(kept), 0.0)
    return drawn


def _given_others(drawn: Array, mean: Array, precision: Array, j: int) -> Array:
    """The mean of one variable given the others."""
    apart = np.einsum("sk,sk->s", precision[:, j], drawn - mean)
    apart -= precision[:, j, j] * (drawn[:, j] - mean[:, j])
    return np.asarray(mean[:, j] - apart / precision[:, j, j])
