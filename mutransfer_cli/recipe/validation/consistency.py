"""Do the sizes fit the model, and the data the model? Answered without building anything."""

from __future__ import annotations

from collections.abc import Iterator

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import KeyPath
from mutransfer_cli.recipe.size import SEQUENCE, base_size, recipe_target
from mutransfer_cli.recipe.size_constraints import size_fault
from mutransfer_cli.recipe.validation.model_arguments import argument_faults


def size_faults(recipe: Recipe) -> Iterator[Fault]:
    """Everything in which sizes, model arguments and data do not fit together."""
    yield from _data_faults(recipe)
    yield from argument_faults(recipe)
    yield from _repeated_sizes(recipe)
    for axis in AXES:
        if axis.grows_model:
            yield from _ladder_faults(recipe, axis.name)
    yield from _token_faults(recipe)
    yield from _length_faults(recipe)


def _data_faults(recipe: Recipe) -> Iterator[Fault]:
    """Data that the model does not read, and keys that the source does not have."""
    data, model = recipe.data, MODELS.get(recipe.model.build)
    source = SOURCES.get(data.source)
    if source is None:
        return
    if model is not None and model.reads != source.yields:
        names = " | ".join(s.name for s in SOURCES if s.yields == model.reads)
        yield Fault(
            ("data", "source"),
            f"{model.name} reads {model.reads}: expected {names}, found '{data.source}'",
        )
    if source.reads_file and data.path is None:
        yield Fault(("data", "path"), f"missing; data.source {data.source} reads a file")
    if not source.reads_file and data.path is not None:
        yield Fault(("data", "path"), f"data.source {data.source} reads no file; leave it out")
    for name, value, fixed in (
        ("d_in", data.d_in, source.d_in),
        ("d_out", data.d_out, source.d_out),
        ("shape", data.shape, data.shape),
    ):
        if source.yields == "tokens" and value is not None:
            yield Fault(("data", name), f"data.source {data.source} has no {name}; leave it out")
        if source.fixed_sizes and value != fixed:
            yield Fault(
                ("data", name), f"data.source {data.source} has {name} {fixed}, found {value}"
            )


def _length_faults(recipe: Recipe) -> Iterator[Fault]:
    """Lengths of sequences that the data do not have, or that differ at the base."""
    sections = {"base": recipe.base, "ladder": recipe.ladder, "target": recipe.target}
    named = [name for name, s in sections.items() if s and SEQUENCE in s.model_fields_set]
    if not named:
        return
    here = (named[0], SEQUENCE)
    if not recipe.data.is_tokens:
        yield Fault(here, f"data.source {recipe.data.source} has no sequences; leave it out")
    elif named[0] != "base":
        yield Fault(here, f"needs base.{SEQUENCE}, the length at which rates are quoted")
    elif getattr(recipe.base, SEQUENCE) != recipe.data.seq_len:
        yield Fault(here, f"expected that of data.{SEQUENCE}, {recipe.data.seq_len}, or none there")


def _repeated_sizes(recipe: Recipe) -> Iterator[Fault]:
    """Sizes that a list of the ladder names twice: a rung is trained once."""
    for name in SIZES:
        sizes = getattr(recipe.ladder, name)
        for index, size in enumerate(sizes):
            if size in sizes[:index]:
                yield Fault(
                    ("ladder", name, str(index)), f"{size} is in the list twice; name it once"
                )


def _ladder_faults(recipe: Recipe, axis: str) -> Iterator[Fault]:
    """Sizes of one axis, anywhere in the recipe, that the model cannot have."""
    sizes: list[tuple[KeyPath, int]] = [(("base", axis), getattr(recipe.base, axis))]
    ladder = getattr(recipe.ladder, axis)
    sizes += [(("ladder", axis, str(index)), size) for index, size in enumerate(ladder)]
    goal = None if recipe.target is None else getattr(recipe.target, axis)
    if goal is not None:
        sizes.append((("target", axis), goal))
    for path, size in sizes:
        message = size_fault(recipe, axis, size)
        if message is not None:
            yield Fault(path, message)


def _token_faults(recipe: Recipe) -> Iterator[Fault]:
    """Fewer tokens than one step takes."""
    for size_of in (base_size, recipe_target):
        try:
            size_of(recipe)
        except InputError as error:
            yield Fault(error.path, error.message)
            return
