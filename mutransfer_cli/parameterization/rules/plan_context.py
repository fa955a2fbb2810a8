"""What is common to all tensors of a plan."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.protocol import OptimizerSpec
from mutransfer_cli.optimizers.shape_factors import LrAdjustment
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rules.horizon_rules import HorizonRule
from mutransfer_cli.tracing.family import Family


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The inputs that are common to all tensors of a plan.

    Attributes:
        config: Hyperparameters and rules at the base.
        parameterization: The parameterization that the config names.
        optimizer: The optimizer that the config names.
        horizon: Factors for batch size and training length.
        left_horizon: The same for the tensors that the optimizer leaves to another.
        m_depth: Depth of the target divided by the depth at which hyperparameters are quoted.
        init_depth: The depth that `init.residual: gpt2` divides by.
        family: The traced model.
        folded: Whether branch multipliers are folded into the tensors that end the branches.
        final_readouts: The readouts that give the model's output.
        m_width: Width of the target divided by that of the base.
        adjustment: Convention for the scale of the optimizer's update; None: it has none.
    """

    config: PlanConfig
    parameterization: Parameterization
    optimizer: OptimizerSpec
    horizon: HorizonRule
    left_horizon: HorizonRule
    m_depth: float
    init_depth: int
    family: Family
    folded: bool
    final_readouts: frozenset[str]
    m_width: float = 1.0
    adjustment: LrAdjustment | None = None
