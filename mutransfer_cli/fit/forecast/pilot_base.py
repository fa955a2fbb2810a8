"""Quotes a pilot's hyperparameters at the base of the ladder."""

from __future__ import annotations

from dataclasses import replace

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.rules.horizon_rules import horizon_rule
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import base_size


def at_base_of(pilot: LadderRuns, recipe: Recipe | None) -> LadderRuns:
    """The pilot with hyperparameters quoted at the base of a recipe, which may be longer.

    The recipe of a pilot is that of the ladder with shorter training at the base.

    Args:
        pilot: The runs of the pilot.
        recipe: The recipe of the ladder; None for a table.

    Raises:
        InputError: The bases differ in more than the steps, or the rules differ.
    """
    if recipe is None or pilot.recipe is None:
        return pilot
    own, other = base_size(pilot.recipe).as_dict(), base_size(recipe).as_dict()
    different = [name for name in own if own[name] != other[name] and name != "steps"]
    if different:
        name = different[0]
        raise InputError(
            f"--pilot {pilot.source}: quotes hyperparameters at base.{name} {own[name]}, the runs "
            f"at {other[name]}; only the steps of the bases may differ"
        )
    for key in ("parameterization", "rules"):
        if getattr(pilot.recipe, key) != getattr(recipe, key):
            raise InputError(f"--pilot {pilot.source}: differs from the runs in {key}")
    if own["steps"] == other["steps"]:
        return pilot
    rule = horizon_rule(
        recipe.rules.horizon,
        recipe.rules.beta1,
        optimizer_spec(recipe.optimizer.full_name).geometry,
        1.0,
        other["steps"] / own["steps"],
    )
    factors = {"weight_decay": rule.weight_decay, "eps": rule.eps}
    observations = [
        replace(
            o,
            lr=o.lr * rule.lr,
            params={name: value * factors.get(name, 1.0) for name, value in o.params.items()},
        )
        for o in pilot.observations
    ]
    return replace(pilot, observations=tuple(observations))
