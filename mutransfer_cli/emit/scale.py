"""Implements `mutransfer scale`: from a run or a recipe to the target's configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutransfer_cli.catalog.stacks import DEFAULT_STACK, STACKS, require_stack
from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.documents.plan import DifferenceDocument
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.capability_check import check_capabilities
from mutransfer_cli.emit.core.header import DOCUMENT_USAGE
from mutransfer_cli.emit.core.plan_deviations import all_deviations, number_deviations
from mutransfer_cli.emit.core.protocol import EmitRequest, Stack
from mutransfer_cli.emit.explanation import explain as explain_keys
from mutransfer_cli.emit.format_list import versions_document
from mutransfer_cli.emit.limits.decided_by_stack import with_decisions
from mutransfer_cli.emit.limits.size_limits import require_sizes
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text
from mutransfer_cli.models.notes import notes_of
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.plans.diff import hyperparameter_differences, plan_differences
from mutransfer_cli.plans.loading import plan_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.serialization import plan_fields, read_document
from mutransfer_cli.recipe.freeze import frozen_yaml, plain_data
from mutransfer_cli.recipe.load import LoadedRecipe, load, loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import target_size

if TYPE_CHECKING:
    from mutransfer_cli.search.storage.run import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmitResult:
    """The target's configuration.

    Attributes:
        document: The document of `scale`, with the deviations that matter for `--strict`.
        files: The text of each file by name, the main one first.
    """

    document: ScaleDocument
    files: Mapping[str, str]

    def text(self) -> str:
        """The text of the main file, which works without the others."""
        return next(iter(self.files.values()))

    def write(self, output: Path) -> list[Path]:
        """Write the files atomically, and return their paths.

        A single file is written to `output`, or into it if it is a folder. Several files are
        written into the folder `output`; if `output` has a suffix, the file with that suffix is
        written there and the others next to it.
        """
        if output.is_dir() or (len(self.files) > 1 and not output.suffix):
            texts = {output / name: text for name, text in self.files.items()}
        else:
            names = list(self.files)
            own = next((n for n in names if Path(n).suffix == output.suffix), names[0])
            texts = {
                output if name == own else output.with_name(name): text
                for name, text in self.files.items()
            }
        for path, text in texts.items():
            write_text(path, text)
        return list(texts)


def scale(
    source: Path | Run,
    *,
    sets: Sequence[str] = (),
    width: int | None = None,
    depth: int | None = None,
    batch: int | None = None,
    steps: int | None = None,
    tokens: float | None = None,
    fit: Path | FitDocument | None = None,
    format: str = DEFAULT_STACK,
    diff: Path | None = None,
    explain: bool = False,
    allow_deviations: bool = False,
) -> EmitResult:
    """The target's configuration, from the fitted optima of a run or the values of a recipe.

    The order of precedence is: `sets`, the fitted optima, the recipe.

    Args:
        source: A run directory, a run that was read, or a recipe.
        sets: Overrides `key.path=value` from the command line.
        width: Width of the target; None: the recipe's target, else the base.
        depth: Depth of the target; None: the recipe's target, else the base.
        batch: Examples per step; None: the recipe's target, else the base.
        steps: Training steps; None: the recipe's target, else the base.
        tokens: Training tokens, instead of steps.
        fit: A fit, or its file, to use instead of a new fit of the run.
        format: Name of the target stack.
        diff: An earlier file of the format json to compare with.
        explain: Whether the document says which keys carry each number.
        allow_deviations: Whether to write a plan of which the stack cannot hold the core.

    Raises:
        InputError: The source, a size or the format is wrong.
        Inconclusive: No rung of the run has an optimum inside its range.
    """
    require_stack(format)
    loaded, run = read_source(source, sets)
    recipe, optima = loaded.recipe, None
    if recipe.target is None and {width, depth, batch, steps, tokens} == {None}:
        raise InputError(f"{loaded.path}: no target; give --width, or target in the recipe")
    size = target_size(recipe, width=width, depth=depth, batch=batch, steps=steps, tokens=tokens)
    if run is not None or fit is not None:
        # imported here, because a recipe without a fit needs no statistics
        from mutransfer_cli.emit.fitted_optima import FittedOptima

        optima = FittedOptima.read(run, fit, size)
        recipe = optima.applied_to(recipe, loaded.origins)
    plan = ProxyFactory(recipe).plan(size)
    document = ScaleDocument.model_validate(
        {
            **plan_fields(plan),
            "format": format,
            "usage": DOCUMENT_USAGE if STACKS[format].is_document else (),
            "versions": versions_document(STACKS[format]),
            "hyperparameters": hyperparameters(recipe),
            "prediction": optima and optima.predicted(),
            "provenance": optima and optima.provenance(),
            "deviations": optima.deviations() if optima else (),
            "notes": (
                *notes_of(recipe, plan),
                *(optima.override_notes(loaded.origins) if optima else ()),
                *(optima.notes() if optima else ()),
            ),
        }
    )
    if diff is not None:
        changes = differences(document, plan, diff)
        document = document.model_copy(update={"differences": changes})
    request = EmitRequest(format, plan, recipe, size, allow_deviations)
    return emit(request, document, explain)


def read_source(source: Path | Run, sets: Sequence[str]) -> tuple[LoadedRecipe, Run | None]:
    """The recipe of a run or a file, and the run if it is one.

    Args:
        source: A run directory, a run that was read, or a recipe.
        sets: Overrides `key.path=value` from the command line.

    Raises:
        InputError: The source is wrong.
    """
    if isinstance(source, Path) and not source.is_dir():
        return load(source, sets), None
    # imported here, because a recipe without a run needs no storage
    from mutransfer_cli.search.storage.run import Run

    run = Run.open(source) if isinstance(source, Path) else source
    loaded = LoadedRecipe(run.recipe, run.path, {})
    if sets:
        loaded = loads(frozen_yaml(run.recipe), str(run.path / "recipe.yaml"), sets)
    return loaded, run


def emit(request: EmitRequest, document: ScaleDocument, with_keys: bool = False) -> EmitResult:
    """Render the files of the requested format, and add deviations and notes to the document.

    Args:
        request: The configuration to write.
        document: The document without what depends on the format.
        with_keys: Whether the document says which keys carry each number.

    Raises:
        InputError: The stack cannot express the plan.
    """
    row = STACKS[request.format]
    by_capability = check_capabilities(request, row)
    require_sizes(request, row)
    stack: Stack = row.load()
    resolved = stack.resolve(request)
    resolved = replace(resolved, deviations=(*by_capability, *resolved.deviations))
    resolved = with_decisions(request, resolved, row)
    numbers = number_deviations(request, resolved)
    deviations = (*document.deviations, *all_deviations(request, resolved, numbers))
    log.info("%s: %d deviations from the plan", row.name, len(deviations))
    notes = (*document.notes, *resolved.notes)
    init = request.recipe.init
    if (
        init.from_ == "fan_in"
        and init.std is None
        and any(n.quantity == "init_std" for n in numbers)
    ):
        notes += (
            f"{row.name} has one init for the hidden matrices: set init.std (and embedding_std) in "
            "the recipe and tune with them for fewer deviations of the init",
        )
    document = document.model_copy(update={"deviations": deviations, "notes": notes})
    if with_keys:
        explanation = explain_keys(request, resolved, stack)
        document = document.model_copy(update={"explanation": explanation})
    files = stack.render(request, resolved, document)
    return EmitResult(document, files)


def differences(document: ScaleDocument, plan: Plan, path: Path) -> tuple[DifferenceDocument, ...]:
    """Differences from an earlier plan (`there`): tensors, forward, hyperparameters, sizes.

    Raises:
        InputError: The file is missing or holds no plan.
    """
    old = read_document(path)
    changed = plan_differences(plan, plan_of(old))
    if isinstance(old, ScaleDocument):
        changed += hyperparameter_differences(document.hyperparameters, old.hyperparameters)
    return changed + hyperparameter_differences(
        document.target.model_dump(), old.target.model_dump(), "target"
    )


def hyperparameters(recipe: Recipe) -> dict[str, Any]:
    """All hyperparameters of a recipe, as quoted at the base."""
    values = plain_data(recipe)
    sections = ("init", "multipliers", "lr_factors", "clip", "z_loss", "schedule")
    return {**values["optimizer"], **{section: values[section] for section in sections}}
