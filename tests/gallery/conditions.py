"""What a run of the gallery trained, in a paragraph: from its recipe and its rungs."""

from __future__ import annotations

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.space import Space
from tests.gallery.entries import ROOT, Side

NO_AXES = {"optimum", "loss", "at_edge", "points", "censored", "pruned", "seeds", "note"}


def conditions(side: Side, fit: FitDocument) -> str:
    """Model, data, optimizer, sizes, searched values and recipe."""
    path = f"recipes/{side.recipe}.yaml"
    recipe = load(ROOT / path, list(side.sets)).recipe
    space = ", ".join(f"{name} {values(space)}" for name, space in recipe.search.space.items())
    return (
        f"Run: {model(recipe)}, {recipe.optimizer.full_name}, {recipe.parameterization}; "
        f"{sizes(fit)}; {space}; seeds {recipe.search.seeds}. [Recipe](../../{path})"
        + ("" if not side.sets else " with " + ", ".join(f"`{pair}`" for pair in side.sets))
        + ".\n"
    )


def model(recipe: Recipe) -> str:
    """The model with its data; those of a callable are its own."""
    build = recipe.model.build
    if build in MODELS or build.startswith("hf:"):
        return f"`{build}` ({SOURCES[recipe.data.source].summary})"
    return f"`{build}`"


def sizes(fit: FitDocument) -> str:
    """Every axis with the values that the rungs have on it."""
    rungs = [rung.model_dump(exclude_none=True, exclude=NO_AXES) for rung in fit.rungs]
    return ", ".join(
        f"{axis} {', '.join(map(str, sorted({rung[axis] for rung in rungs if axis in rung})))}"
        for axis in rungs[0]
    )


def values(space: Space) -> str:
    """The values of a hyperparameter that are tried."""
    if space.choice is not None:
        return ", ".join(f"{value:g}" for value in space.choice)
    for base, ends in ((2, space.log2), (10, space.log10)):
        if ends is not None:
            return f"from {base}^{ends[0]:g} to {base}^{ends[1]:g}"
    assert space.linear is not None
    return f"from {space.linear[0]:g} to {space.linear[1]:g}"
