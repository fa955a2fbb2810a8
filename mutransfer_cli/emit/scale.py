"""`mutransfer scale`: from a run or a recipe to the plan of the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from mutransfer_cli.emit.formats import emit
from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.document import FitDocument
from mutransfer_cli.fit.fit import extrapolate, read_fit
from mutransfer_cli.fit.run import fit_of_run
from mutransfer_cli.models.planned import notes_of, plan_for
from mutransfer_cli.recipe.freeze import plain
from mutransfer_cli.recipe.load import key_path, load, override
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import target_size
from mutransfer_cli.rules.document import Interval, Prediction, ScaleDocument, plan_fields
from mutransfer_cli.search.run import RECIPE, read_environment


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
    loaded = load(source / RECIPE if run else source, sets)
    recipe = loaded.recipe
    fitted = read_fit(fit) if fit else fit_of_run(run) if run else None
    notes: list[str] = []
    prediction = None
    if fitted is not None:
        recipe = with_optima(recipe, fitted, loaded.origins)
    if width is None and (recipe.target is None or recipe.target.width is None):
        raise InputError(f"{source}: no target; give --width, or target.width in the recipe")
    size = target_size(recipe, width=width, depth=depth, batch=batch, steps=steps, tokens=tokens)
    if fitted is not None:
        prediction = predicted(fitted, size.width)
        notes += told(fitted, prediction, size.width)
    if run is not None:
        made = read_environment(run)
        notes.append(
            f"from run {run}: mutransfer {made.get('mutransfer')}, torch "
            f"{made.get('versions', {}).get('torch')}, data {str(made.get('data_digest'))[:16]}"
        )
    plan = plan_for(recipe, size)
    document = ScaleDocument.model_validate(
        {
            **plan_fields(plan),
            "format": format,
            "hyperparameters": hyperparameters(recipe),
            "prediction": prediction,
            "notes": (*notes_of(recipe, plan), *notes),
        }
    )
    return Scaled(document)


def with_optima(recipe: Recipe, fitted: FitDocument, origins: dict[str, str]) -> Recipe:
    """The recipe with the optima of the largest rung that has one inside its range."""
    if fitted.source_rung is None:
        raise Inconclusive(f"no rung has an optimum inside its range: {fitted.reason}")
    chosen = {
        name: value
        for name, value in fitted.hyperparameters.items()
        if origins.get(key_path(name)) != "command line"
    }
    return override(recipe, {key_path(name): value for name, value in chosen.items()})


def predicted(fitted: FitDocument, width: int) -> Prediction:
    """The optimum extrapolated along the measured drift, beside the one that is used."""
    largest = max(rung.width for rung in fitted.rungs)
    estimate = extrapolate(fitted, width)
    lr = Interval(value=estimate.value, low=estimate.low, high=estimate.high) if estimate else None
    note = None if lr else "the drift could not be measured"
    return Prediction(lr=lr, distance=max(0.0, log2(width / largest)), note=note)


def told(fitted: FitDocument, prediction: Prediction, width: int) -> list[str]:
    """What the run says, as sentences for the reader of the configuration."""
    source = fitted.source_rung
    assert source is not None
    best = next(r for r in fitted.rungs if r.width == source.width)
    lr = best.optimum["lr"] if best.optimum else None
    notes = [f"transfer across width: {fitted.verdict}: {fitted.reason}"]
    if lr is not None and lr.value is not None:
        spread = f" ({lr.low:.4g} to {lr.high:.4g})" if lr.low and lr.high else ""
        notes.append(f"lr {lr.value:.4g}{spread} at the base is the optimum of width {best.width}")
    if prediction.lr is not None:
        notes.append(
            f"corrected for the measured drift it would be {prediction.lr.value:.4g} "
            f"at width {width}"
        )
    return notes


def hyperparameters(recipe: Recipe) -> dict[str, Any]:
    """Everything quoted at the base."""
    values = plain(recipe)
    found: dict[str, Any] = dict(values["optimizer"])
    found |= {"init": values["init"], "multipliers": values["multipliers"]}
    found |= {"lr_factors": values["lr_factors"], "clip": values["clip"]}
    found |= {"schedule": values["schedule"]}
    return found
