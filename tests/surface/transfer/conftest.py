"""Surfaces of quadratic losses whose optima, curvatures and levels are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from mutransfer_cli.surface.response.response_surface import ResponseSurface, fit_response
from mutransfer_cli.surface.response.runs import Runs

CURVATURE = 0.02  # of the log loss per octave squared
Fit = Callable[..., ResponseSurface]


def fitted(
    optima: Sequence[float],
    *,
    curvatures: Sequence[float] | None = None,
    exponent: float = 0.3,
    noise: float = 2e-4,
    step: float = 0.5,
) -> ResponseSurface:
    """A surface fitted to log loss = 2^(-exponent z) + a/2 (x - h)^2 at z = 0, 1, 2, …

    Args:
        optima: h of each rung, in octaves.
        curvatures: a of each rung.
        exponent: Of the loss at the optimum.
        noise: Standard deviation of a run.
        step: Octaves between the settings.
    """
    rng = np.random.default_rng(0)
    settings, sizes, losses = [], [], []
    for z, h in enumerate(optima):
        x = round(h) + np.arange(-3, 3 + step / 2, step)
        a = CURVATURE if curvatures is None else curvatures[z]
        settings.append(x)
        sizes.append(np.full(len(x), float(z)))
        losses.append(2.0 ** (-exponent * z) + a / 2 * (x - h) ** 2 + rng.normal(0, noise, len(x)))
    flat = np.concatenate(losses)
    return fit_response(
        Runs(
            np.concatenate(settings)[:, None],
            np.concatenate(sizes)[:, None],
            np.zeros(len(flat), dtype=np.int64),
            flat,
        )
    )


@pytest.fixture(scope="session")
def quadratic() -> Fit:
    """Fits a surface to quadratic losses."""
    return fitted


@pytest.fixture(scope="session")
def still() -> ResponseSurface:
    """Four rungs with the same optimum."""
    return fitted([0.0] * 4)


@pytest.fixture(scope="session")
def drifting() -> ResponseSurface:
    """Four rungs whose optimum moves by half an octave per octave."""
    return fitted([0.0, -0.5, -1.0, -1.5])
