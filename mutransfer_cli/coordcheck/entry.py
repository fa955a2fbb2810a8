"""The entry point of `mutransfer check`, for a recipe or a `package.module:callable`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mutransfer_cli.coordcheck.axis_check import check_recipe_axis
from mutransfer_cli.coordcheck.recipe_check import check_recipe_depth, width_request
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.static_audit import audit
from mutransfer_cli.coordcheck.user_callable import check
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build as build_model
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.user_code import BUILD, import_callable, user_errors_named
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe

DEVICES = frozenset({"cpu", "auto"})
RECIPE_SUFFIXES = (".yaml", ".yml")


def check_target(
    target: str | Recipe,
    *,
    sets: Sequence[str] = (),
    widths: Sequence[int] | None = None,
    expect: str | None = None,
    device: str = "cpu",
    threads: int = 1,
    axis: str = "width",
    depths: Sequence[int] | None = None,
    sizes: Sequence[int] | None = None,
    **options: Any,
) -> CheckReport:
    """Check a recipe or a callable.

    Args:
        target: A recipe, its path, or `package.module:callable`.
        sets: Overrides `key=value` of a recipe that is given by its path.
        widths: Widths for the width axis; None: the defaults.
        expect: The parameterization to compare with; None: the recipe's own, mup for a callable.
        device: cpu, or auto, which means the same here.
        threads: Number of torch threads.
        axis: width, depth, or a further axis that the model follows.
        depths: Depths for the depth axis; None: the defaults.
        sizes: Sizes along a further axis; None: the defaults.
        options: Options of `check`.

    Raises:
        InputError: The target cannot be built, planned or trained.
    """
    if device not in DEVICES:
        raise InputError(f"--device {device}: the check runs on the CPU; expected cpu")
    torch.set_num_threads(threads)
    name = target if isinstance(target, str) else "the recipe's model"
    with user_errors_named(name):
        if isinstance(target, str) and ":" in target and not target.endswith(RECIPE_SUFFIXES):
            if axis != "width":
                raise InputError(
                    f"--axis {axis}: needs a recipe that defines the {axis}: mutransfer init "
                    f"--model {target}"
                )
            if sets:
                raise InputError("--set: there is no recipe to change; give a recipe instead")
            build = import_callable(target, ("check",))
            return check(build, widths, expect=expect, name=target, **options)
        recipe = load(Path(target), sets).recipe if isinstance(target, str) else target
        with errors_at_the_model(recipe):
            if axis == "depth":
                return check_recipe_depth(
                    recipe,
                    depths,
                    options.get("seeds", 3),
                    options.get("steps", 3),
                    options.get("seed", 0),
                )
            if axis != "width":
                if options.pop("static", False):
                    raise InputError("--static: audits the width; leave --axis out")
                return check_recipe_axis(recipe, axis, sizes, expect, **options)
            return check_recipe(recipe, widths, expect, **options)


@contextmanager
def errors_at_the_model(recipe: Recipe) -> Iterator[None]:
    """Add the key `model.build` to errors of a model's loss and batches, which name no key.

    Args:
        recipe: The recipe of the model.

    Raises:
        InputError: Whatever was raised in the block.
    """
    try:
        yield
    except InputError as error:
        if error.path or error.message.startswith("--"):
            raise
        raise InputError(f"{recipe.model.build}: {error.message}", BUILD) from error


def check_recipe(
    recipe: Recipe, widths: Sequence[int] | None, expect: str | None, **options: Any
) -> CheckReport:
    """Check a recipe along the width.

    A recipe whose callable has its own optimizer is measured as it is, without our plan.

    Args:
        recipe: The recipe.
        widths: Widths to train; None: the defaults.
        expect: The parameterization to compare with; None: the recipe's own.
        options: Options of `check`.

    Raises:
        InputError: The recipe cannot be built, planned or trained.
    """
    factory = ProxyFactory(recipe)
    if not factory.is_built_in and build_model(recipe, factory.base).optimizer is not None:
        return check(
            import_callable(factory.model_name),
            widths,
            expect=expect or recipe.parameterization,
            name=factory.model_name,
            roles=[(r.match, r.role) for r in recipe.roles],
            **options,
        )
    static = bool(options.pop("static", False))
    request = width_request(recipe, widths, expect, **options)
    return audit(request) if static else run_width_check(request)
