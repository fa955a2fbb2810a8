"""The rules that hold for one tensor, and the factors by which it grew."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mutransfer_cli.optimizers.protocol import OptimizerSpec, optimizer_of
from mutransfer_cli.optimizers.shape_factors import LrAdjustment
from mutransfer_cli.parameterization.choices.depth_rate import DepthPosition, depth_rule_of
from mutransfer_cli.parameterization.rows.depth_rule import DepthRule
from mutransfer_cli.parameterization.rows.powers import Power, Row
from mutransfer_cli.parameterization.rules.horizon_rules import HorizonRule
from mutransfer_cli.parameterization.rules.lr_rules import LrRule, lr_rule
from mutransfer_cli.parameterization.rules.own_factors import (
    form_of,
    matrix_of,
    model_power,
    own_factor,
)
from mutransfer_cli.parameterization.rules.plan_context import PlanContext
from mutransfer_cli.tracing.roles import Shape
from mutransfer_cli.tracing.tensor_shape import TensorShape


@dataclass(frozen=True, slots=True)
class TensorScaling:
    """The rules that hold for one tensor, and the factors by which it grew.

    Attributes:
        name: The tensor's name in the model at the target.
        tensor: The corresponding tensor at the base.
        shape: Shape at the target.
        context: The inputs that are common to all tensors.
        optimizer: The optimizer that trains it.
        horizon: Its factors for batch size and training length.
        adjustment: Convention for the scale of its update; None: it has none.
        form: Whether its multiplier is explicit: multiplier or absorbed.
        by_model: The power of its fans by which the model itself multiplies it.
        by_itself: The number by which the model multiplies a scalar or a gain, against the base.
        row: Its row of the parameterization's table.
        rule: Its rule for the learning rate over the width.
        position: What the depth repeats around it.
        depth: Its rule for the depth.
        unfolded: The same, had no multiplier of a branch been folded into it.
        fans: Fan-in and fan-out at the target.
        growth: Both, divided by those at the base.
        by_class: The factor that the optimizer's class applies to its rate by itself.
        at_base_by_class: The same at the base.
    """

    name: str
    tensor: TensorShape
    shape: Shape
    context: PlanContext
    optimizer: OptimizerSpec
    horizon: HorizonRule
    adjustment: LrAdjustment | None
    form: str
    by_model: Power
    by_itself: float
    row: Row
    rule: LrRule
    position: DepthPosition
    depth: DepthRule
    unfolded: DepthRule
    fans: tuple[int, int]
    growth: tuple[float, float]
    by_class: float
    at_base_by_class: float

    @property
    def at_base(self) -> bool:
        """Whether it has the shape and depth of the base."""
        return self.shape == self.tensor.base_shape and self.context.m_depth == 1.0

    @property
    def init_factor(self) -> float:
        """The factor of the rules on the standard deviation of its init."""
        by_depth = float(self.context.m_depth**self.depth.init)
        return self.row.init(*self.growth) * by_depth / self.by_itself


def tensor_scaling(
    name: str, tensor: TensorShape, shape: Shape, context: PlanContext
) -> TensorScaling:
    """The rules that hold for one tensor.

    Args:
        name: The tensor's name in the model at the target.
        tensor: The corresponding tensor at the base.
        shape: Shape at the target.
        context: The inputs that are common to all tensors.
    """
    config, parameterization = context.config, context.parameterization
    optimizer = optimizer_of(
        context.optimizer, tensor.role, tensor.base_shape, tensor.name, config.optimizer.trains
    )
    own = optimizer is context.optimizer  # and not the one for what Muon leaves out
    adjustment = context.adjustment if own else None
    form = form_of(tensor, name, context)
    by_model = model_power(tensor, context, form)
    row = parameterization.row(tensor.role, form).shifted(by_model)
    geometry = optimizer.geometry
    rule = lr_rule(
        parameterization, geometry, tensor.role, row,
        alignment=config.alignment, tied=context.family.tied,
    )  # fmt: skip
    fan_in, fan_out = tensor.fans(shape)
    base_in, base_out = tensor.fans(tensor.base_shape)
    position = depth_position(name, tensor, context)
    return TensorScaling(
        name=name,
        tensor=tensor,
        shape=shape,
        context=context,
        optimizer=optimizer,
        horizon=context.horizon if own else context.left_horizon,
        adjustment=adjustment,
        form=form,
        by_model=by_model,
        by_itself=own_factor(tensor, context),
        row=row,
        rule=rule,
        position=position,
        depth=depth_rule_of(config, parameterization, geometry, position),
        unfolded=depth_rule_of(config, parameterization, geometry, replace(position, folded=False)),
        fans=(fan_in, fan_out),
        growth=(fan_in / base_in, fan_out / base_out),
        by_class=optimizer.lr_shape_factor(shape, adjustment),
        at_base_by_class=optimizer.lr_shape_factor(tensor.base_shape, adjustment),
    )


def depth_position(name: str, tensor: TensorShape, context: PlanContext) -> DepthPosition:
    """What the depth repeats around a tensor.

    Args:
        name: The tensor's name in the model at the target.
        tensor: The corresponding tensor at the base.
        context: The inputs that are common to all tensors.
    """
    family = context.family
    return DepthPosition(
        in_block=family.blocks.position(name) is not None,
        looped=family.blocks.is_looped(name),
        ends_branch=matrix_of(tensor, context).name in family.ends,
        on_stream=family.is_on_stream(name),
        has_branches=bool(family.ends),
        folded=context.folded,
    )
