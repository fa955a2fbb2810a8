"""The arguments of `mutransfer_cli.plan`: sizes, optimizer and rules, checked as in a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from mutransfer_cli.catalog.fields import Number, PositiveNumber, refuse, show
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS, SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.parameterization.plan_config import Init, Optimizer, PlanConfig
from mutransfer_cli.recipe.faults import faults_of
from mutransfer_cli.recipe.schema.optimizer import Optimizer as OptimizerSection
from mutransfer_cli.recipe.schema.rules import Rules
from mutransfer_cli.recipe.size import Size

EXAMPLE_TOKENS = 64  # tokens per example, to convert a number of tokens to steps


def _init(value: Any) -> Any:
    if isinstance(value, Init):
        return value
    raise refuse(f"expected a parameterization.plan_config.Init, found {show(value)}")


class PlanRules(Rules):
    """The rules that `plan` takes: those of a recipe, and factors that stand in other sections."""

    init: Annotated[Any, BeforeValidator(_init)] = Init(source="model")
    """Initialization at the base; by default the model's own."""
    lr_factors: dict[str, PositiveNumber] = Field(default_factory=dict)
    """By role or pattern, a factor of the learning rate."""
    embedding_multiplier: Number = 1.0
    """After the embedding."""
    logit_multiplier: Number = 1.0
    """On the logits."""
    attention_multiplier: Number | None = None
    """On q·k; null: the model's own."""
    residual_multiplier: Number | None = None
    """On every residual branch; null: the model's own."""
    clip: PositiveNumber | None = None
    """Threshold of the global gradient norm."""
    roles: tuple[tuple[str, str], ...] = ()
    """Pairs of a pattern of tensor names and a role."""


def plan_config(
    parameterization: str, optimizer: Mapping[str, Any], rules: Mapping[str, Any]
) -> PlanConfig:
    """The hyperparameters and rules that the arguments of `plan` give.

    Raises:
        InputError: A rule or a key of the optimizer is unknown, or has a value that it cannot have.
    """
    for name in rules:
        if name not in PlanRules.model_fields:
            known = ", ".join(sorted(PlanRules.model_fields))
            raise InputError(f"plan: unknown rule {name!r}; known: {known}")
    known_keys = {f.name for f in fields(Optimizer)}
    for name in optimizer:
        if name not in known_keys:
            raise InputError(
                f"unknown key {name!r}; known: {', '.join(sorted(known_keys))}",
                path=("optimizer",),
            )
    try:
        OptimizerSection.model_validate(dict(optimizer))
    except ValidationError as error:
        raise faults_of(error, OptimizerSection, ("optimizer",))[0].error() from error
    try:
        valid = PlanRules.model_validate(dict(rules))
    except ValidationError as error:
        raise faults_of(error, PlanRules)[0].error() from error
    return PlanConfig(
        parameterization=parameterization,
        optimizer=Optimizer(**optimizer),
        **{name: getattr(valid, name) for name in PlanRules.model_fields},
    )


def plan_size(given: Mapping[str, float], base: Size | None, argument: str) -> Size:
    """The size, with missing values taken from the base or else from the defaults.

    Args:
        given: Sizes by name, or tokens instead of steps.
        base: The size at the base; None for the base itself.
        argument: Name of the argument of `plan` that gave them.

    Raises:
        InputError: A size is unknown, missing or below 1, or steps and tokens are both given.
    """
    values = {**BASE_DEFAULTS, **(asdict(base) if base else {})}
    values |= {name: int(value) for name, value in given.items() if name in SIZES}
    required = set(SIZES) - set(BASE_DEFAULTS)
    if (
        set(given) - {*SIZES, "tokens"}
        or required - set(given)
        or {"steps", "tokens"} <= set(given)
    ):
        raise InputError(
            f"expected {' and '.join(required)} and any of {', '.join(BASE_DEFAULTS)} or tokens; "
            f"found {dict(given)}",
            path=(argument,),
        )
    size = Size(**values)
    if any(value < 1 for value in values.values()):
        raise InputError(f"every size is at least 1; found {dict(given)}", path=(argument,))
    if "tokens" in given:
        steps = given["tokens"] / (size.batch * EXAMPLE_TOKENS)
    elif base is not None and "steps" not in given:  # a larger batch keeps the tokens
        steps = base.steps * base.batch / size.batch
    else:
        return size
    return replace(size, steps=max(1, round(steps)))
