"""Low-rank adapters: how learning rates follow their rank.

A layer computes W x + s · B (A x) with W frozen, A of `rank` rows and B of `rank` columns; s is
lora_alpha over a power of the rank. Under Adam B, which starts at zero, changes the output by
s · rate · rank, as all its terms agree; A, where it is the one that starts at zero, by s · rate ·
width, since B then has columns of norm 1/√rank (derived). So:

  A random, B zero (the default of PEFT)   rate ∝ 1/(s · rank): constant where s ∝ 1/rank, and
                                           ∝ 1/rank where s is constant (lora_alpha ∝ rank)
  B random, A zero                         rate ∝ 1/s: constant where s is constant

These are the two regimes of muA (arXiv 2602.06204, abstract: rank-invariant or ∝ 1/rank, by init
and by the factor), which gives A and B one rate. rsLoRA's s ∝ rank^-1/2 (arXiv 2312.03732) lies
between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mutransfer_cli.parameterization.axes.tensor_on_axis import AxisExponents, TensorOnAxis
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.tracing.family import Family

RANK_AXIS = "rank"
Matrix = Literal["A", "B"]


def matrix_of(at: TensorOnAxis) -> Matrix | None:
    """Which of an adapter's two matrices a tensor is; None: neither."""
    if at.grows_in == at.grows_out:
        return None
    return "B" if at.grows_in else "A"


def zero_matrix(family: Family) -> Matrix:
    """The matrix of the adapters that starts at zero: B, unless all of A do."""
    dims = family.growth.get(RANK_AXIS, {})
    starts = {
        name: family.tensor(name).base_rms
        for name, grown in dims.items()
        if set(grown) & set(family.tensor(name).out_dims)
    }
    return "A" if starts and not any(starts.values()) else "B"


def factor_power(family: Family) -> float | None:
    """The exponent of the rank in the factor on the adapters' results; None: it is unknown."""
    powers = set(family.axis_powers.get(RANK_AXIS, {}).values())
    return powers.pop() if len(powers) == 1 else None


def rate_exponent(config: PlanConfig, family: Family) -> float:
    """The exponent of the rank in the adapters' learning rate."""
    if config.rank == "invariant":
        return 0.0
    if config.rank == "inverse":
        return -1.0
    power = factor_power(family)
    if power is None:  # or different for single adapters
        return 0.0
    return -power - (1.0 if zero_matrix(family) == "B" else 0.0)


@dataclass(frozen=True, slots=True)
class RankRule:
    """Along the rank of the adapters: one rate for A and B."""

    def exponents(self, at: TensorOnAxis) -> AxisExponents:
        """See `TensorRule`."""
        matrix = matrix_of(at)
        if matrix is None:
            return AxisExponents()
        known = factor_power(at.family)
        power = known or 0.0
        lr = rate_exponent(at.config, at.family)
        factor = "factor not known" if known is None else f"factor ∝ rank^{power:g}"
        why = f"rules.rank {at.config.rank}: {factor}, rate ∝ rank^{lr:g}"
        if matrix == "A":
            return AxisExponents(lr=lr, why=why)
        return AxisExponents(lr=lr, gradient=power, multiplier=power, why=why)


RANK = RankRule()
