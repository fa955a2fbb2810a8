"""Do the sizes fit the model and the data? Answered without building anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import ValidationError

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault, faults_of, unknown_key
from mutransfer_cli.recipe.schema.builtin_models import ARGUMENTS, DEPTH_ARGUMENT, WIDTH_ARGUMENT
from mutransfer_cli.recipe.schema.defaults import DIGITS
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import base_size, recipe_target

_REACH = 100_000  # how far the nearest width that works is sought


def _whole(value: float) -> bool:
    return value >= 1 and abs(value - round(value)) < 1e-9 * max(1.0, value)


def _nearest(value: int, works: Callable[[int], bool]) -> str:
    below = next((v for v in range(value - 1, max(0, value - _REACH), -1) if works(v)), None)
    above = next((v for v in range(value + 1, value + _REACH) if works(v)), None)
    found = [str(v) for v in (below, above) if v is not None]
    return f"; nearest that work: {', '.join(found)}" if found else ""


def _heads(recipe: Recipe) -> tuple[str, int] | None:
    """The argument that has to divide d_model."""
    if recipe.model.build != "gpt":
        return None
    for name in ("head_dim", "n_head"):
        value = recipe.model.args.get(name)
        if isinstance(value, int) and value >= 1:
            return name, value
    return None


def width_fault(recipe: Recipe, width: int) -> str | None:
    """Why the model cannot have this width, with the nearest that it can have."""
    heads = _heads(recipe)

    def trouble(value: int) -> str | None:
        for name, factor in recipe.model.width.items():
            size = value * factor
            if not _whole(size):
                return f"{name} = {value} × {factor:g} = {size:g} is not a whole number"
            if heads and name == "d_model" and round(size) % heads[1]:
                return f"{name} {round(size)} is not divisible by {heads[0]} {heads[1]}"
        return None

    message = trouble(width)
    return message and message + _nearest(width, lambda v: trouble(v) is None)


def depth_fault(recipe: Recipe, depth: int) -> str | None:
    """Why the model cannot have this depth."""
    for name, factor in recipe.model.depth.items():
        if not _whole(depth * factor):
            return f"{name} = {depth} × {factor:g} = {depth * factor:g} is not a whole number"
    return None


def _sizes(recipe: Recipe) -> Iterator[Fault]:
    widths: list[tuple[tuple[str, ...], int]] = [(("base", "width"), recipe.base.width)]
    widths += [(("ladder", "width", str(i)), w) for i, w in enumerate(recipe.ladder.width)]
    if recipe.target is not None and recipe.target.width is not None:
        widths.append((("target", "width"), recipe.target.width))
    for path, width in widths:
        message = width_fault(recipe, width)
        if message is not None:
            yield Fault(path, message)
    depths: list[tuple[tuple[str, ...], int]] = [(("base", "depth"), recipe.base.depth)]
    depths += [(("ladder", "depth", str(i)), d) for i, d in enumerate(recipe.ladder.depth)]
    if recipe.target is not None and recipe.target.depth is not None:
        depths.append((("target", "depth"), recipe.target.depth))
    for path, depth in depths:
        message = depth_fault(recipe, depth)
        if message is not None:
            yield Fault(path, message)
    for size in (base_size, recipe_target):
        try:
            size(recipe)
        except InputError as error:
            yield Fault(error.path, error.message)
            break


def _growing(recipe: Recipe) -> Iterator[Fault]:
    """Which arguments a built-in model grows by, and those that cannot be given as well."""
    model = recipe.model
    if model.build not in ARGUMENTS:
        for axis in ("width", "depth"):
            for name in getattr(model, axis):
                if name in model.args:
                    yield Fault(("model", "args", name), f"set by model.{axis}; give it once")
        return
    for axis, arguments in (("width", WIDTH_ARGUMENT), ("depth", DEPTH_ARGUMENT)):
        wanted = arguments[model.build]
        given = getattr(model, axis)
        unknown = [name for name in given if name != wanted]
        for name in unknown:
            yield Fault(("model", axis, name), unknown_key(name, [wanted]), at_key=True)
        if not unknown and wanted not in given:
            yield Fault(("model", axis), f"expected {{{wanted}: 1}} for {model.build}")


def _arguments(recipe: Recipe) -> Iterator[Fault]:
    model, data = recipe.model, recipe.data
    for name, value in model.args.items():
        if not _simple(value):
            yield Fault(("model", "args", name), "expected a number, text, or a list of them")
    if model.build not in ARGUMENTS:
        return
    arguments = ARGUMENTS[model.build]
    place: tuple[str, ...] = ("model", "args")
    for axis, names in (("width", WIDTH_ARGUMENT), ("depth", DEPTH_ARGUMENT)):
        name = names[model.build]
        if name in model.args:
            yield Fault((*place, name), f"set by base.{axis} through model.{axis}", at_key=True)
            return
    if model.build == "gpt" and "seq_len" in model.args:
        yield Fault((*place, "seq_len"), "set by data.seq_len", at_key=True)
        return
    try:
        arguments.model_validate(model.args)
    except ValidationError as error:
        for fault in faults_of(error, arguments, place):
            name = fault.path[-1]
            if fault.message == "missing" and name in ("d_in", "d_out", "vocab_size"):
                if name == "vocab_size" and data.source == "tokens":
                    message = "missing; a file of tokens does not say how many there are"
                    yield Fault(fault.path, message, at_key=True)
                continue  # else the data is at fault, and named so
            yield fault
        return
    for name in ("d_in", "d_out"):
        wanted = getattr(data, name)
        if model.build == "mlp" and wanted is not None and model.args[name] != wanted:
            yield Fault((*place, name), f"the data has {name} {wanted}, found {model.args[name]}")
    if data.source in ("stdlib", "text") and model.args.get("vocab_size", 256) < 256:
        yield Fault(
            (*place, "vocab_size"),
            f"{data.source} data are bytes: expected at least 256, "
            f"found {model.args['vocab_size']}",
        )


def _simple(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_simple(v) for v in value)
    if isinstance(value, dict):
        return all(_simple(v) for v in value.values())
    return value is None or isinstance(value, str | int | float | bool)


def _data(recipe: Recipe) -> Iterator[Fault]:
    model, data = recipe.model, recipe.data
    if model.build == "gpt" and data.source in ("digits", "teacher", "tensors"):
        yield Fault(
            ("data", "source"),
            f"gpt reads tokens: expected stdlib | text | tokens, found '{data.source}'",
        )
    if model.build == "mlp" and data.is_tokens:
        yield Fault(
            ("data", "source"),
            f"mlp reads vectors: expected digits | teacher, found '{data.source}'",
        )
    if data.source in ("text", "tokens", "tensors") and data.path is None:
        yield Fault(("data", "path"), f"missing; data.source {data.source} reads a file")
    if data.source in ("stdlib", "digits", "teacher") and data.path is not None:
        yield Fault(("data", "path"), f"data.source {data.source} reads no file; leave it out")
    for name in ("d_in", "d_out"):
        value = getattr(data, name)
        if data.is_tokens and value is not None:
            yield Fault(("data", name), f"data.source {data.source} has no {name}; leave it out")
        if data.source == "digits" and value != DIGITS[name]:
            yield Fault(("data", name), f"digits have {name} {DIGITS[name]}, found {value}")


def size_faults(recipe: Recipe) -> Iterator[Fault]:
    """Everything in which sizes, model arguments and data do not fit together."""
    yield from _data(recipe)
    yield from _growing(recipe)
    yield from _arguments(recipe)
    yield from _sizes(recipe)
