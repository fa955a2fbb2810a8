"""The first trials of a rung: quasi-random settings in a box."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mutransfer_cli.search.samplers.adaptive_search.search_coordinates import SearchedSpace
from mutransfer_cli.surface.response.runs import Array, Mask

ONE_HYPERPARAMETER = (8, 4, 5, 5)  # trials of each rung, the cheapest first; the last from there on
PER_HYPERPARAMETER = (10, 3, 3, 2)
SPARE = 4  # times as many settings as needed are drawn, in case some are hopeless
DENSE = 193  # settings of which those of a single hyperparameter are taken
HALF_WIDTH = 3.0  # octaves, of the box on the cheapest rung
KNOWN_HALF_WIDTH = 1.5  # octaves, of that box along a learning rate that a probe has estimated
KNOWN_SAVES = 3  # trials of the cheapest rung that would only look for the learning rate
NARROWEST = 1.5  # octaves, of a box about an optimum that is known
START_SHARE = 0.8  # of what is left of the budget that the start of a rung may take


def start_count(number: int, hyperparameters: int) -> int:
    """How many trials a rung starts with.

    Args:
        number: Which rung it is, from the cheapest.
        hyperparameters: Number of hyperparameters.
    """
    counts = ONE_HYPERPARAMETER if hyperparameters == 1 else PER_HYPERPARAMETER
    count = counts[min(number, len(counts) - 1)]
    return count if hyperparameters == 1 else count * hyperparameters


def affordable_count(planned: int, fewest: int, paid: float, number: int) -> int:
    """How many of a rung's first trials the budget allows; 0: too few to be of use.

    Args:
        planned: How many it starts with where nothing limits it.
        fewest: Fewer are of no use.
        paid: How many trials what is left of the budget would pay for.
        number: Which rung it is, from the cheapest, which may take all.
    """
    affordable = min(planned, int(paid * (START_SHARE if number else 1.0)))
    return affordable if affordable >= min(fewest, planned) else 0


def box_design(
    space: SearchedSpace,
    center: Array,
    half: Array,
    count: int,
    seed: Sequence[int],
    hopeless: Callable[[Array], Mask] | None = None,
) -> Array:
    """Quasi-random settings in a box, which is moved into the range where it sticks out.

    A single hyperparameter is spread evenly, the ends of the box among them.

    Args:
        space: The searched hyperparameters.
        center: Center of the box in octaves, shape (hyperparameters,).
        half: Half its sides, shape (hyperparameters,).
        count: Number of settings.
        seed: Seed of the scrambling.
        hopeless: Says which settings, shape (settings, hyperparameters), are not to be run.
    """
    from scipy.stats import qmc

    low, high = space.range
    half = np.minimum(half, (high - low) / 2)
    center = np.clip(center, low + half, high - half)
    if len(center) == 1:
        unit = np.linspace(0.0, 1.0, DENSE)[:, None]
    else:
        sequence = qmc.Sobol(len(center), seed=np.random.default_rng(list(seed)))
        unit = sequence.random_base2(int(np.ceil(np.log2(SPARE * max(count, 2)))))
    points = center + half * (2 * unit - 1)
    usable = points if hopeless is None else points[~hopeless(points)]
    points = usable if len(usable) >= count else points
    if len(center) == 1:
        points = points[np.linspace(0, len(points) - 1, count).round().astype(int)]
    return space.on_lattice(points[:count])
