"""`mutransfer scale`: from a run or a recipe to the plan of the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutransfer_cli.emit.formats import emit
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.planned import notes_of, plan_for
from mutransfer_cli.recipe.freeze import plain
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import target_size
from mutransfer_cli.rules.document import ScaleDocument, plan_fields


@dataclass(frozen=True, slots=True)
class Scaled:
    """The target's configuration; deviations are for `--strict` to judge."""

    document: ScaleDocument

    def text(self) -> str:
        """The configuration in the document's format."""
        return emit(self.document)


def scale(
    source: Path,
    *,
    sets: Sequence[str] = (),
    width: int | None = None,
    depth: int | None = None,
    batch: int | None = None,
    steps: int | None = None,
    tokens: float | None = None,
    fit: Path | None = None,
    format: str = "json",
) -> Scaled:
    """The plan at the target, by the run's fitted optima or by the values of a recipe.

    The order is: `--set`, then the fitted optima, then the recipe. Raises InputError for a wrong
    source or size, Inconclusive where the run has no optimum inside its range.
    """
    run = source if source.is_dir() else None
    loaded = load(source / "recipe.yaml" if run else source, sets)
    recipe, found = loaded.recipe, None
    if run is not None or fit is not None:
        from mutransfer_cli.emit.optima import Optima  # a recipe alone needs no statistics

        found = Optima.read(run, fit)
        recipe = found.put_into(recipe, loaded.origins)
    if width is None and (recipe.target is None or recipe.target.width is None):
        raise InputError(f"{source}: no target; give --width, or target.width in the recipe")
    size = target_size(recipe, width=width, depth=depth, batch=batch, steps=steps, tokens=tokens)
    plan = plan_for(recipe, size)
    document = ScaleDocument.model_validate(
        {
            **plan_fields(plan),
            "format": format,
            "hyperparameters": hyperparameters(recipe),
            "prediction": found and found.predicted(size.width),
            "notes": (*notes_of(recipe, plan), *(found.notes(size.width) if found else ())),
        }
    )
    return Scaled(document)


def hyperparameters(recipe: Recipe) -> dict[str, Any]:
    """Everything quoted at the base."""
    values = plain(recipe)
    found: dict[str, Any] = dict(values["optimizer"])
    found |= {"init": values["init"], "multipliers": values["multipliers"]}
    found |= {"lr_factors": values["lr_factors"], "clip": values["clip"]}
    found |= {"schedule": values["schedule"]}
    return found
