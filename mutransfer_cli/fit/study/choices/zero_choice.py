"""Whether the best value of a hyperparameter is 0, as the runs themselves show it.

A surface over octaves says little about 0, which is no octave. Where 0 has the lowest loss and the
other hyperparameters were searched there as well, it is a category: the surface is fitted to the
runs at 0, and each other value has its cost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mutransfer_cli.fit.study.choices.category_differences import (
    Rung,
    category_differences,
    mean_difference,
)
from mutransfer_cli.fit.study.coordinates import FEWEST_VALUES, Hyperparameters, setting_of_run
from mutransfer_cli.fit.study.loss_scale import LossScale
from mutransfer_cli.surface.observation import Observation


def with_zeros_as_categories(
    observations: Sequence[Observation],
    rungs: Sequence[Rung],
    hyperparameters: Hyperparameters,
    scale: LossScale,
) -> Hyperparameters:
    """The hyperparameters, with those that are best at 0 among the categories.

    Args:
        observations: All runs.
        rungs: The rung of each run.
        hyperparameters: Their roles so far.
        scale: The scale of the losses.
    """
    if len(hyperparameters.coordinates) < 2:
        return hyperparameters
    moved = {
        c.name
        for c in hyperparameters.coordinates
        if min(setting_of_run(o)[c.name] for o in observations) == 0
        and searched_at_zero(observations, c.name, hyperparameters.names)
        and all(
            mean_difference(differences) > 0
            for differences in category_differences(
                observations, rungs, scale, {c.name: 0.0}, c.name
            ).values()
        )
    }
    return hyperparameters.as_categories(moved, observations)


def searched_at_zero(
    observations: Sequence[Observation], name: str, searched: Sequence[str]
) -> bool:
    """Whether every other hyperparameter that was searched has enough values beside 0.

    Args:
        observations: All runs.
        name: The hyperparameter that is 0.
        searched: All hyperparameters with an optimum.
    """
    values: dict[str, set[float]] = defaultdict(set)
    for o in observations:
        setting = setting_of_run(o)
        if setting[name] == 0 and o.loss is not None:
            for other in searched:
                values[other].add(setting[other])
    return all(len(values[other]) >= FEWEST_VALUES for other in searched if other != name)
