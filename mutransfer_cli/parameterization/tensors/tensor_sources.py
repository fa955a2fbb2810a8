"""What a plan says of one tensor: where its numbers come from, and what to note."""

from __future__ import annotations

from mutransfer_cli.optimizers.protocol import OptimizerSpec
from mutransfer_cli.parameterization.choices.depth_rate import DepthPosition, depth_note
from mutransfer_cli.parameterization.choices.embedding_rate import (
    embedding_exponent,
    token_embeddings,
)
from mutransfer_cli.parameterization.choices.update_scale import scale_of_update
from mutransfer_cli.parameterization.rows.depth_rule import DepthRule
from mutransfer_cli.parameterization.rows.powers import Row
from mutransfer_cli.parameterization.rules.horizon_rules import HorizonRule
from mutransfer_cli.parameterization.rules.lr_rules import LrRule
from mutransfer_cli.parameterization.rules.own_factors import counted_power
from mutransfer_cli.parameterization.rules.plan_context import PlanContext
from mutransfer_cli.parameterization.tensors.tensor_scaling import TensorScaling
from mutransfer_cli.tracing.tensor_shape import TensorShape

FROZEN = "frozen (requires_grad is False): it is not trained"
COPIED = (
    f"{FROZEN}; copy it from the trained model after `initialize` and `install`, if it is a copy"
)


def source(scaling: TensorScaling) -> str:
    """Where the rules of a tensor were published."""
    rate = rate_source(scaling.tensor.role, scaling.optimizer, scaling.context, scaling.form)
    return f"{scaling.row.source}; lr {rate}"


def why(scaling: TensorScaling) -> str:
    """The derivation of a tensor's numbers in one line."""
    s, context = scaling, scaling.context
    parts = [derivation(s.row, s.rule, s.depth, context, s.position, s.horizon)]
    parts += counted_power(s.tensor, context)
    if s.optimizer.measured:
        parts.append(s.optimizer.measured)
    parts += embedding_rule(s.tensor, context)
    if s.adjustment:
        parts += scale_of_update(s.adjustment, s.at_base_by_class, s.by_class)
    return "; ".join(parts)


def note(scaling: TensorScaling) -> str:
    """What a reader of the plan has to know of a tensor; empty for nothing."""
    family, name = scaling.context.family, scaling.tensor.name
    if name in family.frozen:
        return COPIED if name in family.beside else FROZEN
    if said := family.scale_notes.get(name, ""):
        return said
    return "" if scaling.context.m_depth == 1.0 else depth_note(scaling.depth, scaling.position)


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
