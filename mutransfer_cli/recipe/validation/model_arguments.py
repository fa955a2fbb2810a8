"""Do the arguments of the model fit its growing sizes and the data?"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.catalog.models import MODELS, ModelEntry
from mutransfer_cli.catalog.sizes import FURTHER_AXES
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.recipe.faults import Fault, faults_of, unknown_key
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import KeyPath

FURTHER = frozenset(axis.name for axis in FURTHER_AXES)
_ARGS: KeyPath = ("model", "args")


def argument_faults(recipe: Recipe) -> Iterator[Fault]:
    """What is wrong with `model.args`, `model.width` and `model.depth`."""
    model = recipe.model
    row = MODELS.get(model.build)
    yield from _growing_twice(recipe) if row is None else _growing(recipe, row)
    for name, value in model.args.items():
        if not _is_simple(value):
            yield Fault((*_ARGS, name), "expected a number, text, or a list of them")
    if row is None:
        return
    misplaced = _set_elsewhere(recipe, row)
    if misplaced is not None:
        yield misplaced
        return
    try:
        row.arguments.model_validate(model.args)
    except ValidationError as error:
        yield from _invalid(recipe, row, error)
    else:
        yield from _contradicts_data(recipe, row)


def _growing_twice(recipe: Recipe) -> Iterator[Fault]:
    """Arguments that follow an axis and have a fixed value as well."""
    for axis in AXES:
        if not axis.grows_model:
            continue
        for name in getattr(recipe.model, axis.name):
            if name in recipe.model.args:
                yield Fault((*_ARGS, name), f"set by model.{axis.name}; give it once")


def _growing(recipe: Recipe, row: ModelEntry) -> Iterator[Fault]:
    """A built-in model has one argument for each axis along which it grows."""
    for further in (axis.name for axis in AXES if axis.grows_model and axis.name not in row.grows):
        if getattr(recipe.model, further):
            yield Fault(("model", further), f"{row.name} does not grow along {further}")
        elif further in FURTHER and further in recipe.base.model_fields_set:
            yield Fault(("base", further), f"{row.name} does not grow along {further}")
    for axis, growth in row.grows.items():
        argument, factors = growth.argument, getattr(recipe.model, axis)
        if not factors and axis in FURTHER:
            continue  # base gives no size, so that model.args gives the argument
        unknown = [name for name in factors if name != argument]
        for name in unknown:
            yield Fault(("model", axis, name), unknown_key(name, [argument]), at_key=True)
        if not unknown and argument not in factors:
            yield Fault(("model", axis), f"expected {{{argument}: 1}} for {row.name}")


def _set_elsewhere(recipe: Recipe, row: ModelEntry) -> Fault | None:
    """An argument of a built-in model whose value comes from another key."""
    setters = {
        growth.argument: f"base.{axis} through model.{axis}"
        for axis, growth in row.grows.items()
        if getattr(recipe.model, axis) or axis not in FURTHER
    }
    fields = row.arguments.model_fields
    setters |= {name: f"data.{name}" for name in row.from_data if name not in fields}
    for name, setter in setters.items():
        if name in recipe.model.args:
            return Fault((*_ARGS, name), f"set by {setter}", at_key=True)
    return None


def _invalid(recipe: Recipe, row: ModelEntry, error: ValidationError) -> Iterator[Fault]:
    """The faults of a built-in model's arguments, save those that the data will fill in."""
    source = recipe.data.source
    for fault in faults_of(error, row.arguments, _ARGS):
        name = fault.path[-1]
        if fault.message != "missing" or name not in row.from_data:
            yield fault
        elif name == "vocab_size" and recipe.data.is_tokens and SOURCES[source].vocab_size is None:
            message = f"missing; data.source {source} does not say how many different tokens it has"
            yield Fault(fault.path, message, at_key=True)
        # else the data are at fault, and named so


def _contradicts_data(recipe: Recipe, row: ModelEntry) -> Iterator[Fault]:
    """Arguments of a built-in model that differ from what the data have."""
    args, data = recipe.model.args, recipe.data
    for name, expected in (("d_in", data.d_in), ("d_out", data.d_out)):
        if name in row.from_data and expected is not None and args[name] != expected:
            yield Fault((*_ARGS, name), f"the data has {name} {expected}, found {args[name]}")
    source = SOURCES.get(data.source)
    tokens = source.vocab_size if source is not None else None
    if tokens is not None and args.get("vocab_size", tokens) < tokens:
        yield Fault(
            (*_ARGS, "vocab_size"),
            f"{data.source} data has {tokens} different tokens: expected at least {tokens}, "
            f"found {args['vocab_size']}",
        )


def _is_simple(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_simple(v) for v in value)
    if isinstance(value, dict):
        return all(_is_simple(v) for v in value.values())
    return value is None or isinstance(value, str | int | float | bool)
