"""How a tensor's numbers follow the depth: by its parameterization, or by maximal updates.

Residual networks with a multiplier on every branch (CompleteP, depth-muP) have a rule of their own,
also where one block is applied several times. For stacks without such a multiplier, convolutional
networks among them, Zhang et al. (arXiv 2510.04327; second-hand: its abstract) keep the mean over
all layers of the mean squared change of preactivations by one step: the learning rate of every
tensor goes as depth^-3/2, and the weights of K residual branches have the variance c/(K · fan_in).
arXiv 2602.07494 (second-hand) finds the same exponent in the effective depth of networks with
several paths; Jelassi et al. (arXiv 2305.07810; second-hand) in ReLU MLPs under SGD.
"""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.optimizers.geometry import GRADIENT, Geometry
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.choice import Choice, Evidence
from mutransfer_cli.parameterization.rows.depth_rule import CONSTANT_IN_DEPTH, DepthRule

MAXIMAL_UPDATE = "maximal-update"
QUESTION = "depth (rules.depth)"
RATE, BRANCH_INIT = -1.5, -0.5  # exponents of m_L
SOURCE = "2510.04327 and 2602.07494 (second-hand)"


@dataclass(frozen=True, slots=True)
class DepthPosition:
    """What the depth repeats around a tensor.

    Attributes:
        in_block: Whether it is in a block of which a deeper model has more.
        looped: Whether it is in a block that a deeper model applies more often.
        ends_branch: Whether it ends a residual branch.
        on_stream: Whether it acts on the residual stream itself, as a norm behind the sum does.
        has_branches: Whether the model has residual branches.
        folded: Whether the multiplier of the branches has to be folded into their last tensors.
    """

    in_block: bool
    looped: bool
    ends_branch: bool
    on_stream: bool
    has_branches: bool
    folded: bool


def depth_rule_of(
    config: PlanConfig,
    parameterization: Parameterization,
    geometry: Geometry,
    position: DepthPosition,
) -> DepthRule:
    """The exponents of one tensor in the depth.

    Args:
        config: Hyperparameters and rules.
        parameterization: The parameterization that the config names.
        geometry: Geometry of the optimizer that trains the tensor.
        position: What the depth repeats around the tensor.
    """
    if config.depth == MAXIMAL_UPDATE:
        return maximal_update_rule(position)
    ends = position.folded and position.ends_branch
    if position.on_stream:
        return parameterization.stream_rule(geometry, position.looped)
    if position.looped:
        return parameterization.looped_rule(geometry, config.depth_alpha, ends)
    return parameterization.depth_rule(geometry, config.depth_alpha, position.in_block, ends)


def maximal_update_rule(position: DepthPosition) -> DepthRule:
    """Every rate ∝ m_L^-3/2; branches start at m_L^-1/2 of their size at the base.

    The source scales the weights of a branch; where it has several layers, here the last one is
    scaled, so that its output has the variance 1/K (assumption). The gradients of the others shrink
    with it (derived).
    """
    repeated = position.in_block or position.looped
    inner = repeated and position.has_branches and not position.ends_branch
    inner = inner and not position.on_stream
    return DepthRule(
        lr=RATE,
        gradient=BRANCH_INIT if inner else 0.0,
        init=BRANCH_INIT if repeated and position.ends_branch else 0.0,
    )


def depth_note(rule: DepthRule, position: DepthPosition) -> str:
    """What nobody has published about a tensor's rule; empty for nothing."""
    if position.on_stream and rule != CONSTANT_IN_DEPTH:
        return (
            "acts on the residual stream itself (post-norm): no published rule, rate ∝ "
            f"depth^{rule.lr:g} is derived; `check --axis depth` measures it"
        )
    return ""


def depth_choice(
    config: PlanConfig, parameterization: Parameterization, geometry: Geometry
) -> Choice:
    """The choice of the rule, as a plan shows it.

    Args:
        config: Hyperparameters and rules.
        parameterization: The parameterization, which may have a rule of its own.
        geometry: Geometry of the optimizer.
    """
    if config.depth == MAXIMAL_UPDATE:
        kind: Evidence = "theory" if geometry == GRADIENT else "assumption"
        return Choice(
            QUESTION,
            "every rate ∝ depth^-3/2; residual branches start ∝ depth^-1/2",
            kind,
            f"{SOURCE}, for SGD",
            "branches ∝ 1/depth, rates constant: CompleteP 2505.01618; no agreement beyond "
            "residual transformers: `check --axis depth` measures it",
        )
    others = [row.name for row in PARAMETERIZATIONS if row.depth_exponent]
    own = f"parameterization: {' or '.join(others)} for residual networks; " if others else ""
    return parameterization.depth_choice(config.depth_alpha) or Choice(
        QUESTION,
        f"{parameterization.name} has no rule for it: nothing follows the depth",
        "assumption",
        "none",
        f"{own}rules.depth: {MAXIMAL_UPDATE} for plain and convolutional stacks ({SOURCE}); no "
        "agreement beyond residual transformers: `check --axis depth` measures it",
    )
