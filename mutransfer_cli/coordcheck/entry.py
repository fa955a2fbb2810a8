"""What `check` is asked about: a recipe, or `package.module:callable`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import torch

from mutransfer_cli.coordcheck.depth_check import run_depth_check
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.user_callable import answered, check, known
from mutransfer_cli.coordcheck.verdict.expected_exponents import expectation
from mutransfer_cli.coordcheck.width_check import Question
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build as build_recipe
from mutransfer_cli.models.family_cache import completed, family_for
from mutransfer_cli.models.proxy import plan_for, proxy, trainable
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import import_callable
from mutransfer_cli.optimizers.protocol import optimizer_of, optimizer_spec
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, base_size
from mutransfer_cli.recipe.validation.width import depth_fault, width_fault
from mutransfer_cli.tracing.blocks import blocks_of
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton
from mutransfer_cli.train.cost import count_parameters
from mutransfer_cli.train.engine.memory import available_bytes

COPIES, BYTES = 9, 4  # of every parameter at a time: gradients, moments, what was before a step
SMALLEST = 64  # width of the narrowest model, where it can be chosen


def check_target(
    target: str,
    *,
    sets: Sequence[str] = (),
    widths: Sequence[int] | None = None,
    expect: str | None = None,
    device: str = "cpu",
    threads: int = 1,
    axis: str = "width",
    depths: Sequence[int] | None = None,
    **options: Any,
) -> CheckReport:
    """Check a recipe's path or `package.module:callable`.

    Raises InputError for anything that cannot be built, run or planned.
    """
    if device not in {"cpu", "auto"}:
        raise InputError(f"--device {device}: the check runs on the CPU; expected cpu")
    torch.set_num_threads(threads)
    if axis == "depth":
        if ":" in target and not target.endswith((".yaml", ".yml")):
            raise InputError(
                "--axis depth: needs a recipe that says what the depth is: mutransfer init "
                f"--model {target}"
            )
        return depth_question(
            load(Path(target), sets).recipe,
            depths,
            options.get("seeds", 3),
            options.get("steps", 3),
            options.get("seed", 0),
        )
    if ":" in target and not target.endswith((".yaml", ".yml")):
        if sets:
            raise InputError("--set: there is no recipe to change; give a recipe instead")
        return check(
            import_callable(target, ("check",)), widths, expect=expect, name=target, **options
        )
    if "seed" in options:
        options["first_seed"] = options.pop("seed")
    recipe = load(Path(target), sets).recipe
    subject = build_recipe(recipe, base_size(recipe))
    if subject.optimizer is not None:
        builder = import_callable(recipe.model.build)
        held = expect or recipe.parameterization
        return check(builder, widths, expect=held, name=recipe.model.build, **options)
    static = bool(options.pop("static", False))
    return answered(question_of(recipe, widths, expect, **options), static)


def question_of(
    recipe: Recipe, widths: Sequence[int] | None, expect: str | None, **options: Any
) -> Question:
    """A recipe's question: our plan at every width, held against its own parameterization."""
    trainable(recipe)
    base = base_size(recipe)
    first = base.width * ceil(SMALLEST / base.width)
    sizes = tuple(sorted(set(widths))) if widths else (first, 2 * first, 4 * first)
    for width in sizes:
        fault = width_fault(recipe, width)
        if fault:
            raise InputError(f"--widths: {fault}")

    fits(recipe, Size(sizes[-1], base.depth, base.batch, base.steps))

    def make(width: int, seed: int) -> Subject:
        subject = proxy(recipe, Size(width, base.depth, base.batch, base.steps), seed)
        return completed(recipe, subject)

    parameterization = known(expect or recipe.parameterization)
    optimizer = optimizer_spec(recipe.optimizer.name)
    independent = recipe.rules.weight_decay == "independent"
    family = family_for(recipe)
    expected = {
        t.name: expectation(
            t,
            parameterization,
            optimizer_of(optimizer, t.role, t.base_shape).name,
            independent,
            recipe.rules.alignment,
            family.tied,
        )
        for t in family.tensors
        if t.role != "fixed"
    }
    return Question(make, expected, parameterization, sizes, **options)


def fits(recipe: Recipe, size: Size) -> None:
    """Raises InputError where the widest model takes more memory than there is."""
    needed = COPIES * BYTES * count_parameters(plan_for(recipe, size))
    there = available_bytes("cpu")
    if needed > there:
        raise InputError(
            f"--widths: a model of width {size.width} takes about {needed / 2**30:.1f} GiB here, "
            f"and {there / 2**30:.1f} GiB may be taken; give smaller --widths, or smaller heads "
            "and a narrower base: the parameterization is the same (--set model.args.head_dim=16 "
            "--set base.width=… --set ladder.width=[…])"
        )


def depth_question(
    recipe: Recipe, depths: Sequence[int] | None, seeds: int, steps: int, first_seed: int
) -> CheckReport:
    """A recipe's model at several depths of the base's width."""
    trainable(recipe)
    base = base_size(recipe)
    sizes = tuple(sorted(set(depths or tuple(base.depth * k for k in (1, 2, 4, 8)))))
    for depth in sizes:
        fault = depth_fault(recipe, depth)
        if fault:
            raise InputError(f"--depths: {fault}")

    def make(depth: int, seed: int) -> Subject:
        subject = proxy(recipe, Size(base.width, depth, base.batch, base.steps), seed)
        return completed(recipe, subject)

    small, large = (
        skeleton(lambda d=d: build_recipe(recipe, replace(base, depth=d)).model)  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        for d in (sizes[0], sizes[-1])
    )
    blocks = blocks_of(shapes_of(small).keys(), shapes_of(large).keys())
    return run_depth_check(
        make,
        blocks,
        sizes,
        parameterization=recipe.parameterization,
        alpha=parameterization_of(recipe.parameterization).block_alpha(recipe.rules.depth_alpha),
        seeds=seeds,
        steps=steps,
        first_seed=first_seed,
    )
