"""The plan of one tensor."""

from __future__ import annotations

from mutransfer_cli.parameterization.rules.plan_context import PlanContext
from mutransfer_cli.parameterization.tensors.tensor_hyperparameters import (
    epsilon,
    learning_rate,
    multiplier,
    weight_decay,
)
from mutransfer_cli.parameterization.tensors.tensor_init import initial_std
from mutransfer_cli.parameterization.tensors.tensor_scaling import tensor_scaling
from mutransfer_cli.parameterization.tensors.tensor_sources import note, source, why
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.tracing.roles import Shape
from mutransfer_cli.tracing.tensor_shape import TensorShape


def tensor_plan(name: str, tensor: TensorShape, shape: Shape, context: PlanContext) -> TensorPlan:
    """The plan of one tensor.

    Args:
        name: The tensor's name in the model at the target.
        tensor: The corresponding tensor at the base.
        shape: Shape at the target.
        context: The inputs that are common to all tensors.
    """
    scaling = tensor_scaling(name, tensor, shape, context)
    fan_in, fan_out = scaling.fans
    init, std = initial_std(scaling)
    return TensorPlan(
        name=name,
        role=tensor.role,
        shape=shape,
        base_shape=tensor.base_shape,
        growing=tensor.growing,
        fan_in=fan_in,
        fan_out=fan_out,
        init=init,
        init_std=std,
        multiplier=multiplier(scaling),
        lr=learning_rate(scaling),
        weight_decay=weight_decay(scaling),
        eps=epsilon(scaling),
        source=source(scaling),
        optimizer=scaling.optimizer.name,
        why=why(scaling),
        note=note(scaling),
    )
