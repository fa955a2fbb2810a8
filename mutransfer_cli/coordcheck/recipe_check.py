"""Checks a recipe: applies our plan at every size and compares with the parameterization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from math import ceil, log
from typing import Any

from mutransfer_cli.coordcheck.callable_expectations import frozen_tensors, unjudged_tensors
from mutransfer_cli.coordcheck.check_request import CheckRequest, request_options
from mutransfer_cli.coordcheck.depth_check import run_depth_check
from mutransfer_cli.coordcheck.measure.training_step import BuildSubject
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.user_callable import require_parameterization
from mutransfer_cli.coordcheck.verdict.depth_expectation import (
    DepthExpectation,
    maximal_update_expectation,
)
from mutransfer_cli.coordcheck.verdict.expected_exponents import (
    Expectation,
    expectation,
    is_judged,
    with_own_factors,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build as build_model
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.optimizers.protocol import OptimizerSpec, optimizer_of, optimizer_spec
from mutransfer_cli.optimizers.shape_factors import LrAdjustment
from mutransfer_cli.parameterization.choices.depth_rate import MAXIMAL_UPDATE
from mutransfer_cli.parameterization.choices.embedding_rate import (
    embedding_exponent,
    token_embeddings,
)
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import adjustment_of
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.recipe.size_constraints import depth_fault, width_fault
from mutransfer_cli.tracing.blocks import blocks_of
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton
from mutransfer_cli.tracing.tensor_shape import TensorShape
from mutransfer_cli.train.cost import count_parameters
from mutransfer_cli.train.machine.memory import available_bytes

# Tensors per parameter that are held at a time: gradients, moments, values before a step.
COPIES, BYTES_PER_ENTRY = 9, 4
NARROWEST_WIDTH = 64  # the smallest width by default, where the base allows it
DEPTH_MULTIPLES = (1, 2, 4, 8)  # default depths, as multiples of the base depth


def width_request(
    recipe: Recipe, widths: Sequence[int] | None, expect: str | None, **options: Any
) -> CheckRequest:
    """The request for a check of a recipe along the width.

    Args:
        recipe: The recipe.
        widths: Widths to train; None: the smallest multiple of the base width that is at least 64,
            and its two doublings.
        expect: The parameterization to compare with; None: the recipe's own.
        options: Fields of `CheckRequest`.

    Raises:
        InputError: The recipe cannot be trained, a width is impossible, or the widest model does
            not fit into memory.
    """
    factory = ProxyFactory(recipe)
    factory.require_trainable()
    base = factory.base
    narrowest = base.width * ceil(NARROWEST_WIDTH / base.width)
    all_widths = tuple(sorted(set(widths or (narrowest, 2 * narrowest, 4 * narrowest))))
    for width in all_widths:
        message = width_fault(recipe, width)
        if message:
            raise InputError(f"--widths: {message}")
    require_memory(factory.plan(replace(base, width=all_widths[-1])))
    parameterization = require_parameterization(expect or recipe.parameterization)
    optimizer = optimizer_spec(recipe.optimizer.full_name)
    family = factory.family()
    config = plan_config_of(recipe)
    planned = adjustment_of(factory.plan(base))
    expected = {
        tensor.name: expectation(
            tensor,
            parameterization,
            optimizer_of(
                optimizer, tensor.role, tensor.base_shape, tensor.name, config.optimizer.trains
            ).geometry,
            independent_decay=recipe.rules.weight_decay == "independent",
            alignment=recipe.rules.alignment,
            tied=family.tied,
            outside=family.outside_powers.get(tensor.name, 0.0),
        )
        for tensor in family.tensors
        if is_judged(tensor, family) and tensor.name not in family.frozen
    }
    if planned is not None:
        ends = (all_widths[0] / base.width, all_widths[-1] / base.width)
        expected = {
            name: with_adjustment(
                e, planned, optimizer, config.weight_decay, shapes_at(family.tensor(name), ends)
            )
            if e.geometry == optimizer.geometry
            else e
            for name, e in expected.items()
        }
    for name in token_embeddings(family) & expected.keys():
        expected[name] = with_rate_exponent(
            expected[name], embedding_exponent(config), recipe.rules.weight_decay
        )
    build = proxy_builder(factory, lambda width: replace(base, width=width))
    return CheckRequest(
        build,
        with_own_factors(expected, family),
        parameterization,
        all_widths,
        unjudged=unjudged_tensors(family) | frozen_tensors(family),
        **request_options(options),
    )


def shapes_at(tensor: TensorShape, multiples: Sequence[float]) -> list[list[float]]:
    """The shapes of a tensor at multiples of the base's width."""
    sides = list(enumerate(tensor.base_shape))
    return [[n * m if d in tensor.growing else n for d, n in sides] for m in multiples]


def with_adjustment(
    expected: Expectation,
    planned: LrAdjustment,
    optimizer: OptimizerSpec,
    decay: str,
    shapes: Sequence[Sequence[float]],
) -> Expectation:
    """The expectation for a tensor whose update is scaled by its shape.

    Args:
        expected: The expectation without such a scale.
        planned: The convention in which the recipe quotes the learning rate.
        optimizer: The optimizer, whose class may follow another one.
        decay: `rules.weight_decay`: under coupled, rate × decay follows the planned rate.
        shapes: The tensor's shapes at the smallest and at the largest width.
    """
    exponent = 0.0
    grown = max(b / a for a, b in zip(*shapes, strict=True))
    if decay == "coupled" and grown > 1:
        exponent = log(planned(shapes[1]) / planned(shapes[0])) / log(grown)
    followed = optimizer.class_adjustment(planned)
    return replace(expected, adjustment=followed, decay=expected.decay - exponent)


def with_rate_exponent(expected: Expectation, exponent: float, decay: str) -> Expectation:
    """The expectation for a tensor whose rate has a further power of the width.

    Args:
        expected: The expectation without it.
        exponent: The further exponent.
        decay: `rules.weight_decay`: under coupled, rate × decay follows the rate.
    """
    return replace(
        expected,
        update=expected.update + exponent,
        lr=None if expected.lr is None else expected.lr + exponent,
        decay=expected.decay + (exponent if decay == "coupled" else 0.0),
    )


def proxy_builder(factory: ProxyFactory, size_of: Callable[[int], Size]) -> BuildSubject:
    """Return a function that builds a trainable proxy from its size on one axis and a seed.

    Args:
        factory: Plans and builds the proxies.
        size_of: Returns the sizes on all axes, given that on one axis.
    """

    @cache
    def plan_at(size: int) -> Plan:
        return factory.plan(size_of(size))

    def build(size: int, seed: int) -> Subject:
        subject = factory.build_with_optimizer(size_of(size), seed, plan_at(size))
        if subject.batch is None:
            source, examples = factory.source, factory.recipe.base.batch
            subject.batch = lambda seed: source.batch(seed, 0, examples)
        return subject

    return build


def require_memory(plan: Plan) -> None:
    """Require that the widest model fits into memory.

    Raises:
        InputError: It does not fit.
    """
    needed = COPIES * BYTES_PER_ENTRY * count_parameters(plan)
    free = available_bytes("cpu")
    if needed > free:
        raise InputError(
            f"--widths: a model of width {plan.target['width']} needs about "
            f"{needed / 2**30:.1f} GiB here, and {free / 2**30:.1f} GiB are available; give "
            "smaller --widths, or smaller heads and a narrower base: the parameterization stays "
            "the same (--set model.args.head_dim=16 --set base.width=… --set ladder.width=[…])"
        )


def depth_expectation(recipe: Recipe) -> DepthExpectation:
    """What the recipe's rule for the depth lets the model do."""
    if recipe.rules.depth == MAXIMAL_UPDATE:
        return maximal_update_expectation(optimizer_spec(recipe.optimizer.full_name).geometry)
    parameterization = parameterization_of(recipe.parameterization)
    return DepthExpectation(alpha=parameterization.block_alpha(recipe.rules.depth_alpha))


def check_recipe_depth(
    recipe: Recipe, depths: Sequence[int] | None, seeds: int, steps: int, first_seed: int
) -> CheckReport:
    """Check a recipe's model at several depths of the base's width.

    Args:
        recipe: The recipe.
        depths: Depths to train; None: 1, 2, 4 and 8 times the base depth.
        seeds: Number of seeds.
        steps: Number of optimizer steps per training.
        first_seed: The first seed.

    Raises:
        InputError: The recipe cannot be trained, or a depth is impossible.
    """
    factory = ProxyFactory(recipe)
    factory.require_trainable()
    base = factory.base
    all_depths = tuple(sorted(set(depths or (base.depth * k for k in DEPTH_MULTIPLES))))
    for depth in all_depths:
        message = depth_fault(recipe, depth)
        if message:
            raise InputError(f"--depths: {message}")
    small, large = (
        skeleton(lambda d=d: build_model(recipe, replace(base, depth=d)).model)  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        for d in (all_depths[0], all_depths[-1])
    )
    blocks = blocks_of(shapes_of(small).keys(), shapes_of(large).keys())
    if not blocks.counts:  # the same blocks, applied more often
        blocks = factory.family(deeper=True).blocks
    return run_depth_check(
        proxy_builder(factory, lambda depth: replace(base, depth=depth)),
        blocks,
        all_depths,
        parameterization=recipe.parameterization,
        expected=depth_expectation(recipe),
        seeds=seeds,
        steps=steps,
        first_seed=first_seed,
    )
