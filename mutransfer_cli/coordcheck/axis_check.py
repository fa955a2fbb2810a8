"""Checks a recipe along a further axis: experts, their width, or the rank of adapters.

Every tensor is measured as along the width. What is expected of it are the exponents of the
parameterization for those of its dimensions that grow along the axis, with those of the axis's own
rule; the network's activations have to stay of one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from torch import Tensor

from mutransfer_cli.catalog.axes import AXES, AxisEntry
from mutransfer_cli.coordcheck.callable_expectations import frozen_tensors, unjudged_tensors
from mutransfer_cli.coordcheck.check_request import CheckRequest, request_options
from mutransfer_cli.coordcheck.measure.training_step import BuildSubject
from mutransfer_cli.coordcheck.recipe_check import proxy_builder
from mutransfer_cli.coordcheck.report.axis_words import in_words_of
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.user_callable import require_parameterization
from mutransfer_cli.coordcheck.verdict.expected_exponents import (
    Expectation,
    expectation,
    is_judged,
)
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.growth.along_axes import followed_axes, shapes_at
from mutransfer_cli.models.notes import sum_notes
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.optimizers.protocol import optimizer_of, optimizer_spec
from mutransfer_cli.parameterization.axes.expert_rules import (
    ACTIVE_AXIS,
    EXPERT_AXIS,
    expert_count,
    part_of,
)
from mutransfer_cli.parameterization.axes.tensor_on_axis import TensorOnAxis
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.parameterization.rules.axis_rules import exponents_along
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.tensor_shape import TensorShape

TOKENS_OF_EXPERT = 8  # tokens for each expert in the measured batch
COLUMNS = 4  # tokens of each of its sequences
SUM_OF_EXPERTS = -0.5  # active-width: gates of 1/k on outputs that grow as k^1/2
MULTIPLES = (1, 2, 4)  # default sizes, as multiples of that at the base


def check_recipe_axis(
    recipe: Recipe, name: str, sizes: Sequence[int] | None, expect: str | None, **options: object
) -> CheckReport:
    """Check a recipe's model at several sizes along a further axis.

    Args:
        recipe: The recipe.
        name: Name of the axis.
        sizes: Sizes to train; None: 1, 2 and 4 times that at the base, or down to a quarter of it.
        expect: The parameterization to compare with; None: the recipe's own.
        options: Fields of `CheckRequest`.

    Raises:
        InputError: The model does not grow along the axis, or cannot be trained at a size.
    """
    report = run_width_check(axis_request(recipe, AXES[name], sizes, expect, **options))
    return replace(report, document=in_words_of(report.document, name))


def axis_request(
    recipe: Recipe,
    axis: AxisEntry,
    sizes: Sequence[int] | None,
    expect: str | None,
    **options: object,
) -> CheckRequest:
    """The request for a check along a further axis.

    Args:
        recipe: The recipe.
        axis: The axis.
        sizes: Sizes to train; None: see `check_recipe_axis`.
        expect: The parameterization to compare with; None: the recipe's own.
        options: Fields of `CheckRequest`.

    Raises:
        InputError: The model does not grow along the axis, or cannot be trained.
    """
    if axis not in followed_axes(recipe):
        raise InputError(
            f"--axis {axis.name}: {recipe.model.build} does not follow it; give base.{axis.size}, "
            f"and in model.{axis.name} the argument that does"
        )
    factory = ProxyFactory(recipe)
    factory.require_trainable()
    base = factory.base
    parameterization = require_parameterization(expect or recipe.parameterization)
    family = factory.family()
    expected = {
        tensor.name: along_axis(tensor, axis, family, recipe, parameterization)
        for tensor in family.tensors
        if is_judged(tensor, family) and tensor.name not in family.frozen
    }
    count = expert_count(family)
    most = count if count is not None and axis.name == ACTIVE_AXIS else None
    all_sizes = tuple(sorted(set(sizes))) if sizes else default_sizes(recipe, axis, most)
    if most is not None and all_sizes[-1] > most:
        raise InputError(
            f"--sizes {all_sizes[-1]}: the model has {most} experts, a token takes no more; "
            "give base.experts or smaller sizes"
        )
    unjudged = unjudged_tensors(family) | frozen_tensors(family)
    build = proxy_builder(factory, lambda size: replace(base, **{axis.size: size}))
    if count is not None:
        largest = all_sizes[-1] if axis.name == EXPERT_AXIS else count
        build = with_enough_tokens(factory, build, TOKENS_OF_EXPERT * largest)
    return CheckRequest(
        build,
        expected,
        parameterization,
        all_sizes,
        unjudged=unjudged,
        axis=axis.name,
        notes=axis_notes(factory, replace(base, **{axis.size: all_sizes[-1]})) if count else (),
        may_fade=count is not None and recipe.rules.experts == "averaged",
        sum_power=SUM_OF_EXPERTS
        if axis.name == ACTIVE_AXIS and recipe.rules.experts == "active-width"
        else None,
        **request_options(options),
    )


def with_enough_tokens(factory: ProxyFactory, build: BuildSubject, tokens: int) -> BuildSubject:
    """Proxies that are measured on so many tokens that each of their experts is given some.

    Args:
        factory: Opens the data.
        build: Builds the proxies.
        tokens: The least number of tokens.
    """
    source = factory.source
    rows = ceil(tokens / COLUMNS) if factory.recipe.data.is_tokens else tokens

    def with_batch(size: int, seed: int) -> Subject:
        subject = build(size, seed)
        loss = subject.loss
        assert loss is not None

        def batch(seed: int) -> dict[str, Tensor]:
            drawn = source.batch(seed, 0, rows)
            parts = [t[:, :COLUMNS] if t.dim() == 2 and len(t) == rows else t for t in drawn]
            return {str(i): t.contiguous() for i, t in enumerate(parts)}  # a check cuts tuples

        subject.batch = batch
        subject.loss = lambda model, given: loss(model, tuple(given.values()))
        return subject

    return with_batch


def axis_notes(factory: ProxyFactory, largest: Size) -> tuple[str, ...]:
    """What a plan says of the sum over experts at the largest size."""
    return tuple(sum_notes(factory.plan(largest), factory.recipe.rules.experts))


def default_sizes(recipe: Recipe, axis: AxisEntry, most: int | None = None) -> tuple[int, ...]:
    """Three sizes over a ratio of four, upwards from the base where the model can have them.

    Args:
        recipe: The recipe.
        axis: The axis.
        most: The largest size that the model can have; None: any.

    Raises:
        InputError: The model can have no such sizes.
    """
    base = ProxyFactory(recipe).base
    own: int = getattr(base, axis.size)
    error: InputError | None = None
    for start in (own, own // 2, own // 4):
        sizes = tuple(start * multiple for multiple in MULTIPLES)
        if most is not None and sizes[-1] > most:
            error = error or InputError(f"the model has {most} experts")
            continue
        try:
            for size in sizes:
                shapes_at(recipe, replace(base, **{axis.size: size}))
        except InputError as refusal:
            error = error or refusal
        else:
            if start:
                return sizes
    raise InputError(f"--axis {axis.name}: give --sizes that the model can have: {error}")


def along_axis(
    tensor: TensorShape, axis: AxisEntry, family: Family, recipe: Recipe, parameterization: str
) -> Expectation:
    """What is expected of one tensor along a further axis.

    Args:
        tensor: The tensor at the base.
        axis: The axis.
        family: The traced model.
        recipe: The recipe, whose rules say which side of a dispute is taken.
        parameterization: The parameterization to compare with.
    """
    optimizer = optimizer_spec(recipe.optimizer.full_name)
    geometry = optimizer_of(
        optimizer, tensor.role, tensor.base_shape, tensor.name, recipe.optimizer.trains or ()
    ).geometry
    dims = family.growth.get(axis.name, {}).get(tensor.name, ())
    own = expectation(
        replace(tensor, growing=dims),
        parameterization,
        geometry,
        independent_decay=recipe.rules.weight_decay == "independent",
        alignment=recipe.rules.alignment,
        tied=family.tied,
    )
    # the rate that keeps features moving is expected, whatever the recipe says of adapters
    config = replace(plan_config_of(recipe), rank="derived")
    rule = exponents_along(axis, tensor, family, config, geometry)
    part = part_of(TensorOnAxis(tensor, frozenset(dims), family, config))
    judged_by_size = ("router",) if geometry.sees_gradient_scale else ("up", "down", "router")
    moved = rule.lr if geometry.sees_gradient_scale is False else rule.lr + rule.gradient
    return replace(
        own,
        update=own.update + moved + rule.multiplier,
        init=None if own.init is None else own.init + rule.init,
        lr=None if own.lr is None else own.lr + rule.lr,
        row_init=None if own.row_init is None else own.row_init + rule.init,
        sparse=axis.name == EXPERT_AXIS and part in judged_by_size,
    )
