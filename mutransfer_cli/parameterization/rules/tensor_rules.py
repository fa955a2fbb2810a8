"""Applies the rules for width, depth and horizon to one tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from math import sqrt

from mutransfer_cli.catalog.roles import selects
from mutransfer_cli.optimizers.protocol import OptimizerSpec, optimizer_of
from mutransfer_cli.parameterization.choices.depth_rate import (
    DepthPosition,
    depth_note,
    depth_rule_of,
)
from mutransfer_cli.parameterization.choices.embedding_rate import (
    embedding_exponent,
    embedding_factor,
    token_embeddings,
)
from mutransfer_cli.parameterization.choices.update_scale import scale_of_update
from mutransfer_cli.parameterization.rows.depth_rule import DepthRule
from mutransfer_cli.parameterization.rows.powers import ONE, Row
from mutransfer_cli.parameterization.rules.horizon_rules import HorizonRule
from mutransfer_cli.parameterization.rules.lr_rules import LrRule, lr_rule
from mutransfer_cli.parameterization.rules.own_factors import (
    counted_power,
    form_of,
    matrix_of,
    model_power,
    one_rate,
    own_factor,
)
from mutransfer_cli.parameterization.rules.plan_context import PlanContext
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.tracing.roles import Shape
from mutransfer_cli.tracing.tensor_shape import TensorShape

FROZEN = "frozen (requires_grad is False): it is not trained"
COPIED = (
    f"{FROZEN}; copy it from the trained model after `initialize` and `install`, if it is a copy"
)


def matches_any(name: str, patterns: Sequence[str]) -> bool:
    """Whether any pattern matches a tensor's name."""
    return any(fnmatchcase(name, p) for p in patterns)


def lr_factor(name: str, role: str, factors: Mapping[str, float]) -> float:
    """The recipe's factor on a tensor's learning rate: by role or by pattern, first match wins."""
    return next((value for key, value in factors.items() if selects(key, name, role)), 1.0)


def is_matrix(tensor: TensorShape) -> bool:
    """Whether a tensor is a matrix or an embedding, which `decay: matrices` decays."""
    return bool(tensor.in_dims) or any(u.kind == "lookup" for u in tensor.uses)


def decays(name: str, tensor: TensorShape, decay: str | tuple[str, ...]) -> bool:
    """Whether `rules.decay` lets a tensor decay."""
    if decay == "all":
        return True
    if decay == "matrices":
        return is_matrix(tensor) and tensor.role != "fixed"
    return matches_any(name, (decay,) if isinstance(decay, str) else decay)


def initial_std(
    name: str,
    tensor: TensorShape,
    context: PlanContext,
    factor: float,
    at_base: bool,
    by_model: float = 1.0,
) -> tuple[str, float | None]:
    """How a tensor is initialized: `TensorPlan.init` and `TensorPlan.init_std`.

    Args:
        name: The tensor's name in the model at the target.
        tensor: The tensor.
        context: The inputs that are common to all tensors.
        factor: The factor of the rules on the standard deviation.
        at_base: Whether the tensor has the shape and depth of the base.
        by_model: The number by which the model multiplies it at the base, if that depends on the
            width; 1/√fan_in is the product of the standard deviation and this number.
    """
    init = context.config.init
    if matches_any(name, init.zero):
        return "zero", 0.0
    if context.family.pretrained or tensor.name in context.family.frozen:  # as it was made
        return "keep", None
    if tensor.role == "fixed" or not is_matrix(tensor):
        family = context.family
        follows = (tensor.name in family.gains or tensor.name in family.resized) and not at_base
        if tensor.base_rms == 0.0 or (factor == 1.0 and not follows):
            return "keep", None
        return "rescale", tensor.base_rms * factor
    if context.parameterization.unit_scaled:
        return "normal", 1.0
    if init.source == "model":
        if tensor.base_rms == 0.0:
            return "keep", 0.0
        return ("keep" if at_base else "rescale"), tensor.base_rms * factor
    default = 1 / sqrt(tensor.fans(tensor.base_shape)[0]) / by_model
    if any(u.kind == "lookup" for u in tensor.uses):
        std = init.embedding_std
    elif tensor.role == "readout":
        std = init.readout_std if init.readout_std is not None else default
    else:
        std = init.std if init.std is not None else default
    if init.residual and tensor.name in context.family.ends:
        std /= sqrt(2 * context.init_depth)
    return "normal", std * factor


def tensor_plan(name: str, tensor: TensorShape, shape: Shape, context: PlanContext) -> TensorPlan:
    """The plan of one tensor.

    Args:
        name: The tensor's name in the model at the target.
        tensor: The corresponding tensor at the base.
        shape: Shape at the target.
        context: The inputs that are common to all tensors.
    """
    s, parameterization = context.config, context.parameterization
    optimizer = optimizer_of(
        context.optimizer, tensor.role, tensor.base_shape, tensor.name, s.optimizer.trains
    )
    horizon = context.horizon if optimizer is context.optimizer else context.left_horizon
    geometry, m_depth = optimizer.geometry, context.m_depth
    form = form_of(tensor, name, context)
    by_model = model_power(tensor, context, form)
    row = parameterization.row(tensor.role, form).shifted(by_model)
    rule = lr_rule(
        parameterization, geometry, tensor.role, row,
        alignment=s.alignment, tied=context.family.tied,
    )  # fmt: skip
    fan_in, fan_out = tensor.fans(shape)
    base_in, base_out = tensor.fans(tensor.base_shape)
    m_in, m_out = fan_in / base_in, fan_out / base_out
    position = depth_position(name, tensor, context)
    depth, inside = (
        depth_rule_of(s, parameterization, geometry, p)
        for p in (position, replace(position, folded=False))
    )

    # divide by the factor that the optimizer's class applies by itself
    adjustment = context.adjustment if optimizer is context.optimizer else None
    by_class = optimizer.lr_shape_factor(shape, adjustment)
    at_base_by_class = optimizer.lr_shape_factor(tensor.base_shape, adjustment)
    width = rule.lr(m_in, m_out) * at_base_by_class / by_class
    width *= embedding_factor(tensor, s, context.family, context.m_width)
    by_itself = own_factor(tensor, context)
    if not one_rate(context):
        width *= by_itself**geometry.lr_power
    peak = s.optimizer.lr
    if optimizer.name != s.optimizer.name and s.optimizer.adamw_lr is not None:
        peak = s.optimizer.adamw_lr
    peak *= lr_factor(name, tensor.role, s.lr_factors)
    multiplier = 1.0
    if parameterization.unit_scaled:
        lr = peak * rule.lr(fan_in, fan_out) / by_class
        if tensor.role != "readout":  # the readout's is the logit scale of the plan
            multiplier = row.multiplier(fan_in, fan_out)
    else:
        lr = peak * width
    lr *= m_depth**depth.lr * horizon.lr

    decay = s.optimizer.weight_decay if decays(name, tensor, s.decay) else 0.0
    if s.weight_decay == "independent":
        # lr × weight_decay depends neither on the width nor on a folded multiplier
        decay *= horizon.weight_decay / width / m_depth ** (depth.lr - inside.lr)

    eps = optimizer.planned_eps(
        s.optimizer.eps,
        entry_size=by_itself * rule.gradient(m_in, m_out) * m_depth**depth.gradient * horizon.eps,
        # of a hidden matrix √(in/out)/N, as QIU's ε
        norm_size=rule.gradient(m_in, m_out) * sqrt(m_in * m_out) * m_depth**depth.gradient,
    )
    constant = s.epsilon == "constant" or parameterization.constant_epsilon_source is not None
    if constant and eps is not None:
        eps = s.optimizer.eps

    at_base = shape == tensor.base_shape and m_depth == 1.0
    factor = row.init(m_in, m_out) * m_depth**depth.init / by_itself
    at_base_factor = context.family.scale_values.get(tensor.name, 1.0) if by_model != ONE else 1.0
    init, std = initial_std(name, tensor, context, factor, at_base, abs(at_base_factor))
    note = context.family.scale_notes.get(tensor.name, "")
    if tensor.name in context.family.frozen:
        note = COPIED if tensor.name in context.family.beside else FROZEN
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
        multiplier=multiplier,
        lr=lr,
        weight_decay=decay,
        eps=eps,
        source=f"{row.source}; lr {rate_source(tensor.role, optimizer, context, form)}",
        optimizer=optimizer.name,
        why="; ".join(
            [
                derivation(row, rule, depth, context, position, horizon),
                *counted_power(tensor, context),
                *([optimizer.measured] if optimizer.measured else []),
                *embedding_rule(tensor, context),
                *(scale_of_update(adjustment, at_base_by_class, by_class) if adjustment else []),
            ]
        ),
        note=note or (depth_note(depth, position) if m_depth != 1.0 else ""),
    )


def rate_source(role: str, optimizer: OptimizerSpec, context: PlanContext, form: str) -> str:
    """Where the rate was published; of orthogonalized updates that is for hidden matrices.

    Args:
        role: The tensor's role.
        optimizer: The optimizer that trains it.
        context: The inputs that are common to all tensors.
        form: multiplier or absorbed.
    """
    source = context.parameterization.lr_source(optimizer, form, context.config.alignment)
    at_an_end = optimizer.geometry.spectral and role in ("input", "readout", "tied")
    return "derived (2310.17813)" if at_an_end and source == optimizer.lr_source else source


def embedding_rule(tensor: TensorShape, context: PlanContext) -> list[str]:
    """What `rules.embedding` does to the rate of one tensor; empty for nothing."""
    exponent = embedding_exponent(context.config)
    if exponent == 0 or tensor.name not in token_embeddings(context.family):
        return []
    return [f"rules.embedding {context.config.embedding}: rate × m_width^{exponent:g}"]


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


def derivation(
    row: Row,
    rule: LrRule,
    depth: DepthRule,
    context: PlanContext,
    position: DepthPosition,
    horizon: HorizonRule,
) -> str:
    """The derivation in one line: init, rate, depth, horizon.

    Args:
        row: The tensor's row of the table.
        rule: The tensor's width rule.
        depth: The tensor's depth rule.
        context: The inputs that are common to all tensors.
        position: What the depth repeats around the tensor.
        horizon: The tensor's rule for batch size and training length.
    """
    parts = [f"init ∝ {row.init}, multiplier {row.multiplier}", rule.why]
    if position.looped and context.m_depth != 1.0 and not position.on_stream:
        parts.append("looped: branches ∝ 1/depth (2606.18524, second-hand)")
    if depth != DepthRule():
        folded = position.folded and position.ends_branch
        more = ", the branch's multiplier folded in" if folded else ""
        if depth.init and not folded:
            more = f", init ∝ m_L^{depth.init:g}"
        where = "outside of blocks"
        if position.in_block or position.looped:
            where = "in a block" if position.in_block else "in a looped block"
            where = "on the stream of each block (post-norm)" if position.on_stream else where
        parts.append(f"{where}: rate ∝ m_L^{depth.lr:g}, gradient m_L^{depth.gradient:g}{more}")
    if horizon.lr != 1.0:
        parts.append(f"horizon ({context.config.horizon}): rate × {horizon.lr:.4g}")
    return "; ".join(parts)
