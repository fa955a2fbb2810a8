"""The objective of laws of the loss: a sum of Huber losses of log residuals."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array

DELTA = 1e-3  # Hoffmann et al. 2022 (arXiv 2203.15556), appendix D.3


def huber(residuals: Array) -> tuple[Array, Array]:
    """Huber losses of residuals in units of `DELTA`, and their derivatives.

    Dividing by DELTA² leaves the minimum where it is and brings the objective to order one per
    point, so that stopping rules do not depend on DELTA.
    """
    scaled = residuals / DELTA
    size = np.abs(scaled)
    inside = size <= 1
    values = np.where(inside, 0.5 * scaled**2, size - 0.5)
    return values, np.where(inside, scaled, np.sign(scaled)) / DELTA


def softmax_terms(terms: list[Array]) -> tuple[Array, list[Array]]:
    """Logarithm of Σ exp of the terms, and the share of each term in the sum."""
    top = np.maximum.reduce(terms)
    powers = [np.exp(term - top) for term in terms]
    total = np.add.reduce(powers)
    return top + np.log(total), [power / total for power in powers]
