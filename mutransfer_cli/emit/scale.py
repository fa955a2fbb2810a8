"""`mutransfer scale`: from a run or a recipe to the configuration of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mutransfer_cli.catalog.axes import SIZES
from mutransfer_cli.documents.plan import DifferenceDocument
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.deviations import deviations_of
from mutransfer_cli.emit.core.header import head_of
from mutransfer_cli.emit.core.interface import Job
from mutransfer_cli.emit.registry import FORMATS, require, stack_of
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text
from mutransfer_cli.models.notes import notes_of
from mutransfer_cli.models.proxy import plan_for
from mutransfer_cli.plans.diff import compared, hyperparameters_compared
from mutransfer_cli.plans.loading import plan_of
from mutransfer_cli.plans.serialization import plan_fields, read_document
from mutransfer_cli.recipe.freeze import plain_data
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import target_size


@dataclass(frozen=True, slots=True)
class Scaled:
    """The target's configuration; deviations are for `--strict` to judge."""

    document: ScaleDocument
    files: Mapping[str, str]  # text by name, the main file first

    def text(self) -> str:
        """The main file, which works by itself."""
        return next(iter(self.files.values()))

    def write(self, output: Path) -> list[Path]:
        """Write the files, each whole or not at all; returns where.

        One file goes to `output`, or into it where it is a folder. Several go into the folder
        `output`; where `output` has a suffix, the file of that suffix goes there and the others
        beside it.
        """
        if output.is_dir() or (len(self.files) > 1 and not output.suffix):
            places = {output / name: text for name, text in self.files.items()}
        else:
            names = list(self.files)
            own = next((n for n in names if Path(n).suffix == output.suffix), names[0])
            places = {
                output if name == own else output.with_name(name): text
                for name, text in self.files.items()
            }
        for place, text in places.items():
            write_text(place, text)
        return list(places)


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
    diff: Path | None = None,
) -> Scaled:
    """The configuration of the target, by the run's fitted optima or by the values of a recipe.

    The order is: `--set`, then the fitted optima, then the recipe. diff: an earlier plan to compare
    with. Raises InputError for a wrong source, size or format, Inconclusive where the run has no
    optimum inside its range.
    """
    require(format)
    run = source if source.is_dir() else None
    loaded = load(source / "recipe.yaml" if run else source, sets)
    recipe, found = loaded.recipe, None
    if run is not None or fit is not None:
        from mutransfer_cli.emit.fitted_optima import Optima  # a recipe alone needs no statistics

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
            "provenance": found and found.provenance(),
            "notes": (
                *notes_of(recipe, plan),
                *(found.unused(loaded.origins) if found else ()),
                *(found.notes(size.width) if found else ()),
            ),
        }
    )
    if diff is not None:
        document = document.model_copy(update={"differences": differences(document, diff)})
    return emitted(Job(document, recipe, size))


def emitted(job: Job) -> Scaled:
    """The files of a job's format, and the document with what the stack will not do."""
    document, stack = job.document, stack_of(job.document.format)
    if document.parameterization not in stack.can.parameterizations:
        able = [n for n in FORMATS if document.parameterization in _parameterizations(n)]
        raise InputError(
            f"--format {document.format}: has no {document.parameterization}; take "
            f"--format {', '.join(able)}"
        )
    outcome = stack.settle(job)
    deviations = deviations_of(job, outcome)
    notes = (*document.notes, *outcome.notes)
    init = job.recipe.init
    several = init.from_ == "fan_in" and init.std is None
    if several and any(d.what.startswith("init_std") for d in deviations):
        notes += (
            f"{document.format} has one init for the hidden matrices: with init.std (and "
            "embedding_std) set in the recipe, and tuned so, less of it deviates",
        )
    document = document.model_copy(update={"deviations": deviations, "notes": notes})
    return Scaled(
        document, stack.write(replace(job, document=document), outcome, head_of(document))
    )


def _parameterizations(name: str) -> tuple[str, ...]:
    return stack_of(name).can.parameterizations


def differences(document: ScaleDocument, path: Path) -> tuple[DifferenceDocument, ...]:
    """What an earlier plan (`there`) has otherwise: tensors, forward, hyperparameters."""
    old = read_document(path)
    found = compared(plan_of(document), plan_of(old))
    if isinstance(old, ScaleDocument):
        found += hyperparameters_compared(document.hyperparameters, old.hyperparameters)
    return found + hyperparameters_compared(
        {k: getattr(document.target, k) for k in SIZES},
        {k: getattr(old.target, k) for k in SIZES},
        "target",
    )


def hyperparameters(recipe: Recipe) -> dict[str, Any]:
    """Everything quoted at the base."""
    values = plain_data(recipe)
    found: dict[str, Any] = dict(values["optimizer"])
    found |= {"init": values["init"], "multipliers": values["multipliers"]}
    found |= {"lr_factors": values["lr_factors"], "clip": values["clip"]}
    found |= {"schedule": values["schedule"]}
    return found
