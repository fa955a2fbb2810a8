"""Computes the plan for one size from a traced family and the hyperparameters at the base."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.roles import selects
from mutransfer_cli.catalog.sizes import SIZES, size_in
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.protocol import optimizer_of, optimizer_spec, trains_everything
from mutransfer_cli.optimizers.shape_factors import LrAdjustment, lr_adjustment
from mutransfer_cli.parameterization.choices.depth_rate import MAXIMAL_UPDATE
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.axis_rules import follow_further_axes
from mutransfer_cli.parameterization.rules.exponents import clip_exponent
from mutransfer_cli.parameterization.rules.forward_multipliers import forward_multipliers
from mutransfer_cli.parameterization.rules.horizon_rules import horizon_rule, scaled_beta2
from mutransfer_cli.parameterization.rules.plan_context import PlanContext
from mutransfer_cli.parameterization.rules.readout_form import possible_form
from mutransfer_cli.parameterization.rules.used_patterns import (
    SizedModel,
    require_used,
    selectors,
)
from mutransfer_cli.parameterization.tensors.tensor_plan import tensor_plan
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import Sizes
from mutransfer_cli.tracing.family import Family, match_tensors
from mutransfer_cli.tracing.roles import Shape
from mutransfer_cli.tracing.tensor_shape import TensorShape

log = logging.getLogger(__name__)


def require_consistent_decay(config: PlanConfig) -> None:
    """Refuse a weight decay for which there is no scaling rule.

    Raises:
        InputError: The optimizer preconditions the decay or has none, and `rules.weight_decay` is
            not coupled, which would keep torch's number at every size.
    """
    name, decay = config.optimizer.name, config.optimizer.weight_decay
    decoupled = OPTIMIZERS[name].decoupled
    if decoupled is not None and decay > 0 and config.weight_decay != "coupled":
        raise InputError(
            f"{name} adds the decay to the gradient, which has no consistent "
            f"scaling rule: expected 0, or name: {decoupled}; found {decay:g}",
            path=("optimizer", "weight_decay"),
        )
    fault = optimizer_spec(name).decay_fault
    if fault and decay > 0 and config.weight_decay != "coupled":
        raise InputError(
            f"{name}: {fault}: expected 0, found {decay:g}", path=("optimizer", "weight_decay")
        )


def require_second_rate_used(config: PlanConfig) -> None:
    """Refuse a rate for AdamW where an optimizer of the user's own trains every tensor.

    Raises:
        InputError: The rate would have no effect.
    """
    spec, optimizer = optimizer_spec(config.optimizer.name), config.optimizer
    takes_all = spec.measured and spec.trains is trains_everything and not optimizer.trains
    if takes_all and optimizer.adamw_lr is not None:
        raise InputError(
            f"{spec.name} trains every tensor, since its geometry is {spec.geometry.name}: "
            "leave it null",
            path=("optimizer", "adamw_lr"),
        )


def require_matrices(family: Family, trains: Sequence[str]) -> None:
    """Refuse a key of `optimizer.trains` that selects no matrix.

    Raises:
        InputError: What it selects is left to AdamW all the same.
    """
    for index, key in enumerate(trains):
        found = [t for t in family.tensors if selects(key, t.name, t.role)]
        if found and not any(len(t.base_shape) == 2 for t in found):
            raise InputError(
                f"'{key}' selects no matrix: {found[0].name} has {len(found[0].base_shape)} "
                "dimensions, and is left to AdamW; expected roles or patterns of matrices",
                path=("optimizer", "trains", str(index)),
            )


def require_norms(plan: Plan) -> None:
    """Refuse an init at zero of a tensor whose norm never changes.

    Raises:
        InputError: The tensor could never move.
    """
    for tensor in plan.tensors:
        keeps = optimizer_spec(tensor.optimizer or plan.optimizer).geometry.keeps_norm
        if keeps and tensor.init_std == 0.0:
            raise InputError(
                f"{tensor.name} starts at zero, and {tensor.optimizer or plan.optimizer} keeps its "
                "norm: it could never move; give it another init",
                path=("init",),
            )


def require_multiplier_if_tied(family: Family, config: PlanConfig) -> None:
    """Refuse to absorb the multiplier of a tied readout.

    Raises:
        InputError: The readout is tied, and `rules.readout` is absorbed.
    """
    if family.tied and config.readout == "absorbed":
        tied = next(t.name for t in family.tensors if t.role == "tied")
        raise InputError(
            f"absorbed is impossible for {tied}, which is both embedding and readout: as "
            "an embedding its init has to stay constant, as a readout it would have to shrink; "
            "use multiplier",
            path=("rules", "readout"),
        )


def adjustment_in(config: PlanConfig) -> LrAdjustment | None:
    """The convention in which the learning rate of the config is quoted, for Muon."""
    by_default = OPTIMIZERS[config.optimizer.name].adjust_lr
    name = (
        config.optimizer.adjust_lr or by_default or optimizer_spec(config.optimizer.name).adjust_lr
    )
    return lr_adjustment(name, config.optimizer.adjust_lr_factor) if name is not None else None


def size_text(size: Sizes) -> str:
    """The sizes of a model, for messages."""
    return f"width {size['width']}, depth {size['depth']}"


def require_patterns(
    family: Family,
    config: PlanConfig,
    tensors: Mapping[str, TensorShape],
    base_names: Collection[str],
    sizes: tuple[str, str],
) -> None:
    """Check that every pattern of the recipe matches a tensor, at the base and at the target.

    Args:
        family: The traced model.
        config: Hyperparameters and rules with their patterns.
        tensors: The family's tensor for each tensor of the target.
        base_names: Names of all tensors at the base; empty: those of the family.
        sizes: Base and target, for messages.

    Raises:
        InputError: A pattern matches no tensor; the message names the nearest one.
    """
    known = {t.name: t.role for t in family.tensors}
    at_base = {name: known[family.blocks.at_base(name)] for name in base_names or known}
    at_target = {name: tensor.role for name, tensor in tensors.items()}
    require_used(
        list(selectors(config)), SizedModel(sizes[0], at_base), SizedModel(sizes[1], at_target)
    )


def plan_model(
    family: Family,
    config: PlanConfig,
    shapes: Mapping[str, Shape],
    base: Sizes,
    target: Sizes,
    base_names: Collection[str] = (),
) -> Plan:
    """The plan for a model of these shapes.

    Args:
        family: The traced model.
        config: Hyperparameters and rules at the base.
        shapes: The shapes of the model's parameters at the target.
        base: Width, depth, examples per step and steps of the base.
        target: Width, depth, examples per step and steps of the target.
        base_names: Names of all tensors at the base, if the family holds only some of its blocks.

    Raises:
        InputError: The model does not belong to the family, a pattern matches no tensor, or a
            multiplier that the rules need can neither be absorbed nor installed.
    """
    optimizer = optimizer_spec(config.optimizer.name)
    parameterization = parameterization_of(config.parameterization)
    require_consistent_decay(config)
    require_second_rate_used(config)
    require_multiplier_if_tied(family, config)
    require_matrices(family, config.optimizer.trains)
    config = possible_form(family, config, parameterization)
    if family.pretrained and not family.tied:  # a new readout on it: by its rate
        config = replace(config, readout="absorbed")
    tensors = match_tensors(family, shapes)
    require_patterns(family, config, tensors, base_names, (size_text(base), size_text(target)))
    forward = forward_multipliers(family, config, parameterization, shapes, base, target)
    ratio = {axis: size_in(target, axis) / size_in(base, axis) for axis in SIZES}
    horizon = horizon_rule(
        config.horizon,
        config.beta1,
        optimizer.geometry,
        ratio["batch"],
        ratio["steps"] * ratio["batch"],
    )
    # where branches are multiplied by a power of the depth, the init need not follow it too
    branches_scaled = (
        parameterization.branch_power(config.depth_alpha) != 0 or config.depth == MAXIMAL_UPDATE
    )
    context = PlanContext(
        config,
        parameterization,
        optimizer,
        horizon,
        left_horizon=horizon_rule(
            config.horizon,
            config.beta1,
            optimizer_of(optimizer, "vector", (1,)).geometry,
            ratio["batch"],
            ratio["steps"] * ratio["batch"],
        ),
        m_depth=target["depth"] if parameterization.unit_scaled else ratio["depth"],
        init_depth=base["depth"] if branches_scaled else target["depth"],
        family=family,
        folded=forward.folded,
        final_readouts=family.final_readouts,
        m_width=ratio["width"],
        adjustment=adjustment_in(config),
    )
    clip = config.clip
    if clip is not None:
        clip *= ratio["width"] ** clip_exponent(parameterization, config.readout)
    log.debug("plan of %d tensors: %s, %s", len(tensors), parameterization.name, optimizer.name)
    hyperparameters = config.optimizer
    plan = Plan(
        tensors=tuple(
            follow_further_axes(
                tensor_plan(name, tensor, shapes[name], context),
                tensor,
                context,
                base,
                target,
            )
            for name, tensor in tensors.items()
        ),
        forward=forward.values,
        sites=forward.sites,
        form=config.readout,
        parameterization=parameterization.name,
        optimizer=optimizer.name,
        betas=(
            hyperparameters.betas[0] ** horizon.beta1,
            scaled_beta2(hyperparameters.betas[1], horizon.beta2),
        ),
        momentum=hyperparameters.momentum,
        clip=clip,
        base=dict(base),
        target=dict(target),
        nesterov=hyperparameters.nesterov,
        adjust_lr=context.adjustment.name if context.adjustment else None,
        adjust_lr_factor=hyperparameters.adjust_lr_factor,
    )
    require_norms(plan)
    return plan
