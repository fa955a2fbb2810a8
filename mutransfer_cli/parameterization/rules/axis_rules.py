"""Rules for further axes: factors on a tensor's numbers.

Width, depth, batch size and training length have rules of their own: width in `lr_rules`, depth in
the parameterizations, batch size and training length in `horizon_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from mutransfer_cli.catalog.axes import AxisEntry
from mutransfer_cli.catalog.sizes import FURTHER_AXES, size_in
from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.optimizers.protocol import optimizer_of
from mutransfer_cli.parameterization.axes.tensor_on_axis import (
    AxisExponents,
    TensorOnAxis,
    TensorRule,
)
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.rules.plan_context import PlanContext
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.tensor_shape import TensorShape


@dataclass(frozen=True, slots=True)
class AxisFactors:
    """Factors on the numbers of a tensor at the target.

    Attributes:
        lr: Factor on the learning rate.
        weight_decay: Factor on the weight decay.
        eps: Factor on the optimizer's epsilon.
        init_std: Factor on the init standard deviation, for tensors that the plan initializes.
        why: The derivation, in one line.
    """

    lr: float = 1.0
    weight_decay: float = 1.0
    eps: float = 1.0
    init_std: float = 1.0
    why: str = ""


class AxisRule(Protocol):
    """How a tensor's numbers scale along an axis, by its role alone; see also `TensorRule`."""

    def __call__(self, role: str, geometry: Geometry, ratio: float) -> AxisFactors:
        """Return the factors.

        Args:
            role: The tensor's role.
            geometry: Geometry of the optimizer that trains the tensor.
            ratio: The ratio target/base of the axis's size.
        """
        ...


def exponents_along(
    axis: AxisEntry, shape: TensorShape, family: Family, config: PlanConfig, geometry: Geometry
) -> AxisExponents:
    """The exponents of a tensor along an axis; all 0 where the axis has no rule by exponents.

    Args:
        axis: A further axis.
        shape: The tensor at the base.
        family: The traced model.
        config: Hyperparameters and rules at the base.
        geometry: Geometry of the optimizer that trains the tensor.
    """
    rule = axis.load()
    if not isinstance(rule, TensorRule):
        return AxisExponents()
    dims = frozenset(family.growth.get(axis.name, {}).get(shape.name, ()))
    return rule.exponents(TensorOnAxis(shape, dims, family, config)).under(geometry)


def factors_of(exponents: AxisExponents, ratio: float, config: PlanConfig) -> AxisFactors:
    """The factors at a ratio target/base.

    Args:
        exponents: The exponents of the tensor.
        ratio: The ratio of the axis's size.
        config: Its rules say whether rate × decay is constant, and whether epsilon follows the
            gradient.
    """
    lr = ratio**exponents.lr
    return AxisFactors(
        lr=lr,
        weight_decay=1 / lr if config.weight_decay == "independent" else 1.0,
        eps=ratio**exponents.gradient if config.epsilon == "scaled" else 1.0,
        init_std=ratio**exponents.init,
        why=exponents.why,
    )


def follow_further_axes(
    tensor: TensorPlan,
    shape: TensorShape,
    context: PlanContext,
    base: Mapping[str, int],
    target: Mapping[str, int],
) -> TensorPlan:
    """Apply the rules of all further axes to one tensor.

    Args:
        tensor: The tensor's numbers by the rules of width, depth, batch size and training length.
        shape: The tensor at the base.
        context: The inputs that are common to all tensors.
        base: Sizes at the base, by name.
        target: Sizes at the target, by name.
    """
    geometry = optimizer_of(
        context.optimizer,
        shape.role,
        shape.base_shape,
        shape.name,
        context.config.optimizer.trains,
    ).geometry
    for row in FURTHER_AXES:
        rule: AxisRule | TensorRule | None = row.load()
        ratio = size_in(target, row.size) / size_in(base, row.size)
        if rule is None or ratio == 1.0:
            continue
        if isinstance(rule, TensorRule):
            own = exponents_along(row, shape, context.family, context.config, geometry)
            factors = factors_of(own, ratio, context.config)
        else:
            factors = rule(tensor.role, geometry, ratio)
        std = tensor.init_std
        # as the model made it no longer, though it may keep its shape
        rescaled = tensor.init == "keep" and bool(std) and factors.init_std != 1.0
        tensor = replace(
            tensor,
            init="rescale" if rescaled else tensor.init,
            lr=tensor.lr * factors.lr,
            weight_decay=tensor.weight_decay * factors.weight_decay,
            eps=None if tensor.eps is None else tensor.eps * factors.eps,
            init_std=None if std is None else std * factors.init_std,
            why="; ".join(filter(None, (tensor.why, factors.why))),
        )
    return tensor
