"""Ladders with log loss = level(z) + a/2 (log2 lr - h)² at width 32·2^z."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mutransfer_cli.surface.observation import Observation

CURVATURE = 0.02
STEP = 0.5  # octaves


def ladder(
    optima: Sequence[float],
    *,
    curvatures: Mapping[int, float] | None = None,
    noise: Mapping[int, float] | None = None,
    steps: Mapping[int, float] | None = None,
    half: Mapping[int, float] | None = None,
    lower: float = 0.0,
    seed: int = 0,
) -> list[Observation]:
    """One run at each rate.

    Args:
        optima: h of each rung, in octaves of the learning rate.
        curvatures: a, where it is not `CURVATURE`.
        noise: Standard deviation of a run, where it is not 2e-4.
        steps: Octaves between rates, where they are not `STEP`.
        half: Octaves from the center to the ends of the range, where they are not 3.
        lower: By how much every log loss is lower.
        seed: Of the noise.
    """
    rng = np.random.default_rng(seed)
    runs = []
    for z, h in enumerate(optima):
        step, reach = (steps or {}).get(z, STEP), (half or {}).get(z, 3.0)
        for x in round(h) + np.arange(-reach, reach + step / 2, step):
            excess = (curvatures or {}).get(z, CURVATURE) / 2 * (x - h) ** 2
            level = np.log(2 + 2.0 ** (-0.4 * z)) - lower
            value = float(np.exp(level + excess + rng.normal(0, (noise or {}).get(z, 2e-4))))
            runs.append(Observation(32 * 2**z, float(2.0**x), 0, value))
    return runs
