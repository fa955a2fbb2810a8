"""Traces the family of a recipe's model at two widths, once per process."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.data.data_file import FileVersion, file_version
from mutransfer_cli.data.opening import open_source
from mutransfer_cli.data.sliced_batch import has_separate_rows
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
from mutransfer_cli.models.growth.along_axes import widened, with_growth
from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import BUILD, run_user_code
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, base_size, rungs
from mutransfer_cli.recipe.size_constraints import size_fault
from mutransfer_cli.tracing.blocks import Blocks, blocks_of
from mutransfer_cli.tracing.family import Family, family_of
from mutransfer_cli.tracing.knobs import knobs_of
from mutransfer_cli.tracing.loops import RunModel, repeated_blocks
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton

log = logging.getLogger(__name__)

TRACED_EXAMPLES = 2
FEW_BLOCKS = 4
NAMES_A_BLOCK = re.compile(r"[0-9?[]")  # a pattern that may tell one block from another

_families: dict[str, Family] = {}
_shallow: dict[str, bool] = {}  # answers of `may_be_shallow`, which builds two models


def family_for(recipe: Recipe, deeper: bool = False, few_blocks: bool = False) -> Family:
    """Trace the base and one other width on the CPU, or return the family traced before.

    Args:
        recipe: The recipe; hyperparameters do not matter.
        deeper: Also build the model at another depth, to see what is repeated along it.
        few_blocks: Whether the family may hold only the first of many blocks that are alike; a plan
            repeats their numbers.

    Raises:
        InputError: The user's model or data fails; the message names the line.
    """
    base = base_size(recipe)
    deeper = deeper or PARAMETERIZATIONS[recipe.parameterization].depth_rules
    few = few_blocks and base.depth > 2 * FEW_BLOCKS
    version = config_version(recipe)
    if few:
        question = repr((recipe.model, version, recipe.roles, recipe.data, recipe.init, base))
        if question not in _shallow:
            _shallow[question] = may_be_shallow(recipe, base)
        few = _shallow[question]
    key = repr((recipe.model, version, recipe.roles, recipe.data, base, deeper, few))
    if key not in _families:
        widths = [s.width for s in rungs(recipe) if s.width != base.width]
        other = replace(base, width=min(widths) if widths else 2 * base.width)
        roles = [(r.match, r.role) for r in recipe.roles]
        with torch.random.fork_rng(devices=[]):
            full = base if few else replace(base, depth=2 * base.depth)
            wide = other.width
            other = widened(recipe, other)
            if few:
                base, other = (replace(size, depth=FEW_BLOCKS) for size in (base, other))
            model, run = _traceable(recipe, base)
            blocks = _repeated_blocks(recipe, full, (model, run)) if deeper or few else Blocks()
            family = family_of((model, run), _traceable(recipe, other), roles, blocks)
            _families[key] = with_growth(recipe, family, base, wide, partial(_traceable, recipe))
        log.info(
            "model: traced %s at widths %d and %d", recipe.model.build, base.width, other.width
        )
    return _families[key]


def config_version(recipe: Recipe) -> FileVersion | None:
    """The version of the config.json that the recipe names, which may change between two plans."""
    name = recipe.model.build.removeprefix("hf:")
    named = recipe.model.build.startswith("hf:") and name.endswith(".json")
    return file_version(Path(name)) if named else None


def completed(recipe: Recipe, subject: Subject) -> Subject:
    """Add the default loss and the recipe's batches to a subject without its own."""
    if subject.loss is None:
        subject.loss = cross_entropy
    if subject.batch is None:
        source = open_source(recipe)
        subject.batch = lambda seed: source.batch(seed, 0, recipe.base.batch)
    return subject


def _traceable(recipe: Recipe, size: Size) -> tuple[torch.nn.Module, Any]:
    """A model at a size, and a function that runs its forward pass on a few examples."""
    subject = build(recipe, size)
    brings_batches = subject.batch is not None
    subject = completed(recipe, subject)
    assert subject.loss is not None and subject.batch is not None
    batch = subject.batch(0)
    if has_separate_rows(batch):
        batch = tuple(part[:TRACED_EXAMPLES] for part in batch)
    subject.model.eval()  # dropout is not a use
    where = f"{recipe.model.build}: its forward pass at width {size.width}"
    run = partial(run_user_code, partial(subject.loss, subject.model, batch), where, BUILD)
    return subject.model, run if brings_batches else partial(_on_data, recipe, subject.model, run)


def _on_data(recipe: Recipe, model: torch.nn.Module, run: Callable[[], object]) -> object:
    """Run a forward pass on the recipe's data; an error also names what the model was given.

    Args:
        recipe: The recipe.
        model: The model.
        run: Runs its forward pass.

    Raises:
        InputError: The forward pass raised.
    """
    try:
        return run()
    except InputError as error:
        row = SOURCES.require(recipe.data.source, ("data", "source"))
        length = f"token ids, data.seq_len = {recipe.data.seq_len} of them per example"
        given = length if row.yields == "tokens" else "vectors of numbers"
        dtypes = {p.dtype for p in model.parameters()} - {torch.float32}
        if dtypes and row.yields != "tokens":
            kinds = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
            raise InputError(
                f"{error.message}; its parameters are {kinds} and the data float32: remove "
                "torch.set_default_dtype, .double() or the like from its code",
                error.path,
            ) from error
        others = [other.name for other in SOURCES if other.yields != row.yields]
        raise InputError(
            f"{error.message}; data.source {row.name} gives the model {given} (for other inputs: "
            f"{', '.join(others)}, or a mutransfer_cli.Subject with its own batches)",
            error.path,
        ) from error


def _repeated_blocks(recipe: Recipe, deeper: Size, base: RunModel) -> Blocks:
    """What is repeated along the depth, from a deeper model."""
    twice = skeleton(lambda: build(recipe, deeper).model)
    return repeated_blocks(base, shapes_of(twice).keys(), lambda: _traceable(recipe, deeper))


def may_be_shallow(recipe: Recipe, base: Size) -> bool:
    """Whether a few blocks show all that a plan needs to know about a deep base.

    That is so if the blocks of the base repeat the first ones, shape by shape, if no multiplier of
    the model follows its depth, if nothing is read off the model's own initialization, which may
    follow it too, and if the recipe gives no role to single blocks.
    """
    if recipe.init.from_ == "model" or not recipe.model.depth:
        return False
    if any(NAMES_A_BLOCK.search(r.match) for r in recipe.roles):
        return False
    if size_fault(recipe, "depth", FEW_BLOCKS) is not None:
        return False
    few, full = (
        skeleton(lambda d=d: build(recipe, replace(base, depth=d)).model)  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        for d in (FEW_BLOCKS, base.depth)
    )
    shapes, known = shapes_of(full), shapes_of(few)
    try:
        blocks = blocks_of(known.keys(), shapes.keys())
    except InputError:
        return False
    alike = all(known.get(blocks.at_base(name)) == shape for name, shape in shapes.items())
    return alike and knobs_of(few) == knobs_of(full)
