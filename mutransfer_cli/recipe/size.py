"""Sizes along the axes: the base, the rungs of the ladder, the target."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.axes import BASE_DEFAULTS, SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import KeyPath
from mutransfer_cli.recipe.validation.width import depth_fault, width_fault


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A point on the axes: width, depth, examples per step, number of steps."""

    width: int
    depth: int
    batch: int
    steps: int


def tokens_per_example(recipe: Recipe) -> int:
    """Tokens per example: seq_len for token data, else 1 (an example counts as one)."""
    return recipe.data.seq_len if recipe.data.is_tokens else 1


def _steps(tokens: float, batch: int, recipe: Recipe, path: KeyPath) -> int:
    per_step = batch * tokens_per_example(recipe)
    if tokens < per_step:
        raise InputError(f"{tokens:g} tokens are less than one step of {per_step}", path)
    return round(tokens / per_step)


def base_size(recipe: Recipe) -> Size:
    """The size at which hyperparameters are quoted.

    Raises:
        InputError: `base.tokens` is less than one step.
    """
    base = recipe.base
    if base.tokens is not None:
        steps = _steps(base.tokens, base.batch, recipe, ("base", "tokens"))
    else:
        steps = base.steps or BASE_DEFAULTS["steps"]
    return Size(base.width, base.depth, base.batch, steps)


def rungs(recipe: Recipe) -> tuple[Size, ...]:
    """The ladder and the base, each once, small to large.

    Every axis is a line through the base (`product: true` takes all combinations); a batch alone
    keeps the tokens, so its steps shrink.
    """
    base, ladder = base_size(recipe), recipe.ladder
    lines = {axis: (getattr(base, axis), *getattr(ladder, axis)) for axis in SIZES}

    def size(width: int, depth: int, batch: int, steps: int | None) -> Size:
        return _resize(recipe, base, width, depth, batch, steps, None)

    found = {base}
    if ladder.product:
        lengths: tuple[int | None, ...] = lines["steps"] if ladder.steps else (None,)
        found |= {
            size(w, d, b, s)
            for w in lines["width"]
            for d in lines["depth"]
            for b in lines["batch"]
            for s in lengths
        }
    else:
        found |= {size(w, base.depth, base.batch, None) for w in lines["width"]}
        found |= {size(base.width, d, base.batch, None) for d in lines["depth"]}
        found |= {size(base.width, base.depth, b, None) for b in lines["batch"]}
        found |= {size(base.width, base.depth, base.batch, s) for s in lines["steps"]}
    return tuple(sorted(found))


def _resize(
    recipe: Recipe,
    start: Size,
    width: int | None,
    depth: int | None,
    batch: int | None,
    steps: int | None,
    tokens: float | None,
    path: KeyPath = (),
) -> Size:
    """`start` with some sizes replaced; a batch alone keeps the tokens, so the steps shrink."""
    new_batch = batch or start.batch
    if steps is None:
        if tokens is not None:
            steps = _steps(tokens, new_batch, recipe, path)
        else:
            steps = max(1, round(start.steps * start.batch / new_batch))
    return Size(width or start.width, depth or start.depth, new_batch, steps)


def recipe_target(recipe: Recipe) -> Size:
    """The recipe's target, before the sizes of a command; without one, the base."""
    base = base_size(recipe)
    t = recipe.target
    if t is None:
        return base
    return _resize(recipe, base, t.width, t.depth, t.batch, t.steps, t.tokens, ("target", "tokens"))


def target_size(
    recipe: Recipe,
    width: int | None = None,
    depth: int | None = None,
    batch: int | None = None,
    steps: int | None = None,
    tokens: float | None = None,
) -> Size:
    """The target: the sizes given here, else those of the recipe's target, else the base's.

    Args:
        recipe: The recipe.
        width: Replaces the width.
        depth: Replaces the depth.
        batch: Examples per step; alone it keeps the tokens, so the steps shrink.
        steps: Number of steps.
        tokens: Instead of steps; examples where the data has no tokens.

    Raises:
        InputError: A size below 1, steps and tokens at once, a width or depth that the
            model cannot have.
    """
    sizes = {"width": width, "depth": depth, "batch": batch, "steps": steps, "tokens": tokens}
    for name, value in sizes.items():
        if value is not None and not value >= 1:
            raise InputError(f"--{name}: expected at least 1, found {value}")
    if steps is not None and tokens is not None:
        raise InputError("--tokens: give --steps or --tokens, not both")
    start = recipe_target(recipe)
    try:
        size = _resize(recipe, start, width, depth, batch, steps, tokens)
    except InputError as error:
        raise InputError(f"--tokens: {error}") from None
    message = depth_fault(recipe, size.depth)
    if message is not None:
        raise InputError(f"--depth: {message}")
    message = width_fault(recipe, size.width)
    if message is not None:
        raise InputError(f"--width: {message}")
    return size
