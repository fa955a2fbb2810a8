"""Learning rate, weight decay, epsilon and multiplier of one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from mutransfer_cli.catalog.roles import selects
from mutransfer_cli.parameterization.choices.embedding_rate import embedding_factor
from mutransfer_cli.parameterization.rules.own_factors import one_rate
from mutransfer_cli.parameterization.tensors.tensor_init import is_matrix, matches_any
from mutransfer_cli.parameterization.tensors.tensor_scaling import TensorScaling
from mutransfer_cli.tracing.tensor_shape import TensorShape


def lr_factor(name: str, role: str, factors: Mapping[str, float]) -> float:
    """The recipe's factor on a tensor's learning rate: by role or by pattern, first match wins."""
    return next((value for key, value in factors.items() if selects(key, name, role)), 1.0)


def decays(name: str, tensor: TensorShape, decay: str | tuple[str, ...]) -> bool:
    """Whether `rules.decay` lets a tensor decay."""
    if decay == "all":
        return True
    if decay == "matrices":
        return is_matrix(tensor) and tensor.role != "fixed"
    return matches_any(name, (decay,) if isinstance(decay, str) else decay)


def width_rate(scaling: TensorScaling) -> float:
    """The factor of the width on a tensor's learning rate, without what its class applies."""
    tensor, context = scaling.tensor, scaling.context
    factor = scaling.rule.lr(*scaling.growth) * scaling.at_base_by_class / scaling.by_class
    factor *= embedding_factor(tensor, context.config, context.family, context.m_width)
    if not one_rate(context):
        factor *= scaling.by_itself**scaling.optimizer.geometry.lr_power
    return factor


def learning_rate(scaling: TensorScaling) -> float:
    """The learning rate of a tensor."""
    context = scaling.context
    own = context.config.optimizer
    left_to_adamw = scaling.optimizer.name != own.name and own.adamw_lr is not None
    peak = own.adamw_lr if left_to_adamw and own.adamw_lr is not None else own.lr
    peak *= lr_factor(scaling.name, scaling.tensor.role, context.config.lr_factors)
    if context.parameterization.unit_scaled:
        rate = peak * scaling.rule.lr(*scaling.fans) / scaling.by_class
    else:
        rate = peak * width_rate(scaling)
    by_depth = float(context.m_depth**scaling.depth.lr)
    return rate * (by_depth * scaling.horizon.lr)


def multiplier(scaling: TensorScaling) -> float:
    """The multiplier of a tensor under unit scaling; the readout's is the plan's logit scale."""
    if scaling.context.parameterization.unit_scaled and scaling.tensor.role != "readout":
        return scaling.row.multiplier(*scaling.fans)
    return 1.0


def weight_decay(scaling: TensorScaling) -> float:
    """The weight decay of a tensor.

    Where it is independent of the rate, the product of both depends neither on the width nor on a
    multiplier that was folded in.
    """
    config, context = scaling.context.config, scaling.context
    if not decays(scaling.name, scaling.tensor, config.decay):
        return 0.0
    if config.weight_decay != "independent":
        return config.optimizer.weight_decay
    by_depth = float(context.m_depth ** (scaling.depth.lr - scaling.unfolded.lr))
    factor = scaling.horizon.weight_decay / width_rate(scaling) / by_depth
    return config.optimizer.weight_decay * factor


def epsilon(scaling: TensorScaling) -> float | None:
    """The epsilon of a tensor; None if its optimizer has none."""
    config, context = scaling.context.config, scaling.context
    m_in, m_out = scaling.growth
    gradient = scaling.rule.gradient(m_in, m_out)
    by_depth = context.m_depth**scaling.depth.gradient
    planned = scaling.optimizer.planned_eps(
        config.optimizer.eps,
        entry_size=scaling.by_itself * gradient * by_depth * scaling.horizon.eps,
        # of a hidden matrix √(in/out)/N, as QIU's ε
        norm_size=gradient * sqrt(m_in * m_out) * by_depth,
    )
    constant = context.parameterization.constant_epsilon_source is not None
    if planned is not None and (constant or config.epsilon == "constant"):
        return config.optimizer.eps
    return planned
