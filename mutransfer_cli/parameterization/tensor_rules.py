"""One line of the plan: the rules of width, depth and horizon applied to one tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import sqrt

from mutransfer_cli.parameterization import init_tables as table
from mutransfer_cli.parameterization.depth_rules import DepthRule, depth_rule
from mutransfer_cli.parameterization.horizon_rules import HorizonRule
from mutransfer_cli.parameterization.lr_rules import rates
from mutransfer_cli.parameterization.published import source_of
from mutransfer_cli.parameterization.settings import Settings
from mutransfer_cli.parameterization.unit_mup import unit_scaled
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.tracing.family import Family, Shape, TensorShape


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all tensors of one plan."""

    settings: Settings
    horizon: HorizonRule
    m_depth: float
    residual_depth: int  # of `init.residual: gpt2`
    family: Family
    folded: bool  # branch multipliers are folded into the tensors that end the branches
    final_readouts: frozenset[str]


def first_match(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, p) for p in patterns)


def lr_factor(name: str, role: str, factors: Mapping[str, float]) -> float:
    """The recipe's factor on a tensor's learning rate: by role or by pattern, first match wins."""
    for key, value in factors.items():
        if key == role or fnmatchcase(name, key) or (key == "embedding" and role == "input"):
            return value
    return 1.0


def is_matrix(tensor: TensorShape) -> bool:
    """Matrices and embeddings: what `decay: matrices` decays."""
    return bool(tensor.in_dims) or any(u.kind == "lookup" for u in tensor.uses)


def decays(name: str, tensor: TensorShape, decay: str | tuple[str, ...]) -> bool:
    if decay == "all":
        return True
    if decay == "matrices":
        return is_matrix(tensor) and tensor.role != "fixed"
    return first_match(name, (decay,) if isinstance(decay, str) else decay)


def trained_by(tensor: TensorShape, optimizer: str) -> str:
    """Muon takes hidden matrices; what is left goes to AdamW (its authors' advice)."""
    if optimizer != "muon":
        return optimizer
    return "muon" if tensor.role == "hidden" and len(tensor.base_shape) == 2 else "adamw"


def init_of(
    name: str, tensor: TensorShape, context: Context, factor: float, at_base: bool
) -> tuple[str, float | None]:
    """How a tensor starts: the kind, and its standard deviation; `factor` is the rules'."""
    init = context.settings.init
    if first_match(name, init.zero):
        return "zero", 0.0
    if tensor.role == "fixed" or not is_matrix(tensor):
        if factor == 1.0 or tensor.base_rms == 0.0:
            return "keep", None
        return "rescale", tensor.base_rms * factor
    if context.settings.parameterization == "umup":
        return "normal", 1.0
    if init.source == "model":
        if tensor.base_rms == 0.0:
            return "keep", 0.0
        return ("keep" if at_base else "rescale"), tensor.base_rms * factor
    fan_in = tensor.fans(tensor.base_shape)[0]
    if any(u.kind == "lookup" for u in tensor.uses):
        std = init.embedding_std
    elif tensor.role == "readout":
        std = init.readout_std if init.readout_std is not None else 1 / sqrt(fan_in)
    else:
        std = init.std if init.std is not None else 1 / sqrt(fan_in)
    if init.residual and tensor.name in context.family.ends:
        std /= sqrt(2 * context.residual_depth)
    return "normal", std * factor


def muon_scale(shape: Shape) -> float:
    """What torch's Muon multiplies the rate by of itself: √max(1, rows/columns)."""
    return sqrt(max(1.0, shape[0] / shape[1]))


def eps_of(optimizer: str, eps: float, gradient: float, ratio: float) -> float | None:
    """Epsilon in the units of what it is added to; None where the optimizer has none.

    ratio: fan_in over fan_out, relative to the base. Muon adds it to the Frobenius norm of a
    matrix whose entries have the size of the gradient (QIU: ε·√(in/out)/N).
    """
    if optimizer in {"adam", "adamw", "soap"}:
        return eps * gradient
    return eps * sqrt(ratio) if optimizer in {"muon", "shampoo"} else None


def tensor_plan(name: str, tensor: TensorShape, shape: Shape, context: Context) -> TensorPlan:
    """One line of the plan."""
    s = context.settings
    optimizer = trained_by(tensor, s.optimizer.name)
    form = s.readout if tensor.role != "readout" or name in context.final_readouts else "absorbed"
    row = table.row(s.parameterization, tensor.role, form)
    rule = rates(
        row, tensor.role, s.parameterization, optimizer, alignment=s.alignment,
        tied=context.family.tied,
    )  # fmt: skip
    (fan_in, fan_out), (base_in, base_out) = tensor.fans(shape), tensor.fans(tensor.base_shape)
    m_in, m_out = fan_in / base_in, fan_out / base_out
    in_block = context.family.blocks.place(name) is not None
    ends = context.folded and tensor.name in context.family.ends
    inside = depth_rule(s.parameterization, optimizer, s.depth_alpha, in_block, False)
    depth = depth_rule(s.parameterization, optimizer, s.depth_alpha, in_block, ends)
    m_depth, horizon = context.m_depth, context.horizon
    width, deep = rule.lr(m_in, m_out), m_depth**depth.lr
    if optimizer == "muon":
        width *= muon_scale(tensor.base_shape) / muon_scale(shape)
    at_base = shape == tensor.base_shape and m_depth == 1.0
    factor = row.init(m_in, m_out) * m_depth**depth.init
    init, std = init_of(name, tensor, context, factor, at_base)
    peak = s.optimizer.lr
    if s.optimizer.name == "muon" and optimizer == "adamw" and s.optimizer.adamw_lr is not None:
        peak = s.optimizer.adamw_lr
    eps = eps_of(
        optimizer,
        s.optimizer.eps,
        rule.gradient(m_in, m_out) * m_depth**depth.gradient * horizon.eps,
        m_in / m_out * m_depth ** (2 * depth.gradient),
    )
    if s.epsilon == "constant" and eps is not None:
        eps = s.optimizer.eps
    decay = s.optimizer.weight_decay if decays(name, tensor, s.decay) else 0.0
    if s.weight_decay == "independent":
        # lr × weight_decay follows neither the width nor a folded multiplier
        decay *= horizon.weight_decay / width / m_depth ** (depth.lr - inside.lr)
    lr = peak * lr_factor(name, tensor.role, s.lr_factors) * width * deep * horizon.lr
    multiplier = 1.0
    if s.parameterization == "umup":
        multiplier, unit = unit_scaled(tensor.role, row, rule.lr, fan_in, fan_out)
        lr *= unit / width / (muon_scale(shape) if optimizer == "muon" else 1.0)
        eps = s.optimizer.eps if eps is not None else None
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
        source=f"{row.source}; lr {source_of(s.parameterization, optimizer, form, s.alignment)}",
        optimizer=optimizer,
        why=why(row, rule.why, depth, context, in_block),
    )


def why(row: table.Row, rate: str, depth: DepthRule, context: Context, in_block: bool) -> str:
    """The derivation in a line: init, rate, depth, horizon."""
    parts = [f"init ∝ {row.init}, multiplier {row.multiplier}", rate]
    if in_block and depth != DepthRule():
        folded = ", the branch's multiplier folded in" if depth.init else ""
        parts.append(
            f"in a block: rate ∝ m_L^{depth.lr:g}, gradient m_L^{depth.gradient:g}{folded}"
        )
    if context.horizon.lr != 1.0:
        parts.append(f"horizon ({context.settings.horizon}): rate × {context.horizon.lr:.4g}")
    return "; ".join(parts)
