"""Sizes along all axes: those of the base, of the rungs of the ladder and of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from mutransfer_cli.catalog.axes import AXES, BUILT_IN
from mutransfer_cli.catalog.fields import LARGEST, LARGEST_DEPTH, LARGEST_WIDTH, show
from mutransfer_cli.catalog.further_sizes import further_attributes
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS, SIZES, has_size, named_sizes
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import KeyPath
from mutransfer_cli.recipe.size_constraints import size_fault

MOST_RUNGS = 10_000
SEQUENCE = "seq_len"  # the size of the axis for sequences, and the key of section `data`
LIMITS = {"width": LARGEST_WIDTH, "depth": LARGEST_DEPTH}


@further_attributes(lambda axis: BASE_DEFAULTS[axis.size])
@dataclass(frozen=True, slots=True, order=True)
class Size:
    """The size of a model and of its training: one value along each axis.

    Attributes:
        width: Width of the model.
        depth: Depth of the model.
        batch: Examples per step.
        steps: Number of steps.
    """

    width: int
    depth: int
    batch: int
    steps: int

    def as_dict(self) -> dict[str, int]:
        """The values by name, without those along further axes that the model does not have."""
        return named_sizes({name: getattr(self, name) for name in SIZES})


def sequence_length(recipe: Recipe, size: Size | None = None) -> int:
    """Tokens of a sequence at a size; those of the base where it is no axis."""
    has_axis = size is not None and has_size(size.as_dict(), SEQUENCE)
    return getattr(size, SEQUENCE) if has_axis else recipe.data.seq_len


def tokens_per_example(recipe: Recipe, size: Size | None = None) -> int:
    """Tokens per example where the data are tokens, else 1 (an example counts as one)."""
    return sequence_length(recipe, size) if recipe.data.is_tokens else 1


def base_size(recipe: Recipe) -> Size:
    """The size at which hyperparameters are quoted.

    Raises:
        InputError: `base.tokens` is less than one step.
    """
    base = recipe.base
    if base.tokens is not None:
        given = base.model_copy(update={"steps": 1})
        size = Size(**{name: getattr(given, name) for name in SIZES})
        return replace(size, steps=_steps(recipe, base.tokens, size, ("base", "tokens")))
    steps = base.steps or BASE_DEFAULTS["steps"]
    return Size(**{name: getattr(base, name) for name in SIZES} | {"steps": steps})


def rungs(recipe: Recipe) -> tuple[Size, ...]:
    """The sizes of the ladder and the base, each once, from small to large.

    Every axis is a line through the base; `product: true` takes all combinations. Where steps are
    not given, the number of tokens is that of the base.

    Raises:
        InputError: There are more combinations than anyone can run.
    """
    base, ladder = base_size(recipe), recipe.ladder
    given = {size: getattr(ladder, size) for size in SIZES}
    if ladder.product:
        lines = [
            (None, *given[size]) if size == "steps" and not given[size]
            else (getattr(base, size), *given[size])
            for size in SIZES
        ]  # fmt: skip
        if prod(map(len, lines)) > MOST_RUNGS:
            raise InputError(f"more than {MOST_RUNGS} combinations of sizes", ("ladder", "product"))
        points = [dict(zip(SIZES, point, strict=True)) for point in product(*lines)]
    else:
        points = [{size: value} for size in SIZES for value in given[size]]
    return tuple(sorted({base, *(_resized(recipe, base, point) for point in points)}))


def recipe_target(recipe: Recipe) -> Size:
    """The target in the recipe, before command-line options; without one, the base.

    Raises:
        InputError: `base.tokens` or `target.tokens` is less than one step.
    """
    base, target = base_size(recipe), recipe.target
    if target is None:
        return base
    return _resized(recipe, base, target.model_dump(), ("target", "tokens"))


def target_size(
    recipe: Recipe,
    width: int | None = None,
    depth: int | None = None,
    batch: int | None = None,
    steps: int | None = None,
    tokens: float | None = None,
) -> Size:
    """The target size: each value as given here, else from the recipe's target, else from the base.

    Args:
        recipe: The recipe.
        width: Width of the model.
        depth: Depth of the model.
        batch: Examples per step; without steps or tokens, the number of tokens is kept, so the
            number of steps shrinks.
        steps: Number of steps.
        tokens: Number of tokens (of examples, if the data has no tokens), instead of steps.

    Raises:
        InputError: A size is below 1, steps and tokens are both given, or the model cannot have
            this width or depth.
    """
    values = (width, depth, batch, steps, tokens)
    options = dict(zip((*(row.size for row in BUILT_IN), "tokens"), values, strict=True))
    for name, value in options.items():
        if value is not None and not value >= 1:
            raise InputError(f"--{name}: expected at least 1, found {value}")
        largest = LIMITS.get(name, LARGEST)
        if value is not None and value > largest:
            raise InputError(f"--{name}: expected at most {largest:.4g}, found {show(value)}")
    if steps is not None and tokens is not None:
        raise InputError("--tokens: give --steps or --tokens, not both")
    start = recipe_target(recipe)
    try:
        size = _resized(recipe, start, options)
    except InputError as error:
        raise InputError(f"--tokens: {error}") from None
    for axis in reversed([axis for axis in AXES if axis.grows_model]):
        message = size_fault(recipe, axis.name, getattr(size, axis.size))
        if message is not None:
            raise InputError(f"--{axis.size}: {message}")
    return size


def _steps(recipe: Recipe, tokens: float, size: Size, path: KeyPath) -> int:
    per_step = size.batch * tokens_per_example(recipe, size)
    if tokens < per_step:
        raise InputError(f"{tokens:g} tokens are less than one step of {per_step}", path)
    return round(tokens / per_step)


def _resized(
    recipe: Recipe, start: Size, changes: Mapping[str, float | None], path: KeyPath = ()
) -> Size:
    """Replace some values of `start`, or its number of tokens; None leaves a value unchanged.

    A new batch size without steps or tokens keeps the number of tokens, so the number of steps
    shrinks. `path` is the key path of the tokens, for errors.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    tokens = given.pop("tokens", None)
    size = replace(start, **given)  # type: ignore[arg-type]  # sizes are whole numbers
    if tokens is not None:
        return replace(size, steps=_steps(recipe, tokens, size, path))
    if "steps" in given:
        return size
    return replace(size, steps=max(1, round(start.steps * start.batch / size.batch)))
