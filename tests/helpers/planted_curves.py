"""Loss curves whose shape is known, with seeds that differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve

POINTS = 200


def planted(
    sizes: Sequence[int] = (16, 32, 64, 128, 256),
    seeds: int = 5,
    *,
    speed: dict[int, float] | None = None,
    schedule: dict[int, str] | None = None,
    decay: dict[int, float] | None = None,
    seed_scatter: float = 0.01,
    noise: float = 0.02,
    rng_seed: int = 0,
) -> list[LossCurve]:
    """Curves L = size^-0.1 (x s + 0.05)^-0.4 + 0.2 s η(x) + d x, as of gradient descent with noise.

    The first term is progress at learning rate s, the second the noise floor at the rate η(x) of
    the schedule (arXiv 2507.02119, section 4), the third a decay that holds the weights back.

    Args:
        sizes: The sizes.
        seeds: Number of seeds of each.
        speed: s of the sizes where it is not 1.
        schedule: `constant` for the sizes where the rate does not fall linearly to zero.
        decay: d of the sizes where it is not 0.
        seed_scatter: Relative standard deviation of the loss over seeds.
        noise: Relative standard deviation of the loss at a point.
        rng_seed: Seed of the noise.
    """
    rng = np.random.default_rng(rng_seed)
    x = (np.arange(POINTS) + 0.5) / POINTS
    curves = []
    for size in sizes:
        s = (speed or {}).get(size, 1.0)
        rate = np.ones(POINTS) if (schedule or {}).get(size) == "constant" else 1 - x
        mean = size**-0.1 * ((s * x + 0.05) ** -0.4 + 0.2 * s * rate)
        mean = mean + (decay or {}).get(size, 0.0) * x
        for seed in range(seeds):
            factor = np.exp(seed_scatter * rng.normal() + noise * rng.normal(size=POINTS))
            curves.append(LossCurve(x, mean * factor, float(size), seed, f"width {size}"))
    return curves
