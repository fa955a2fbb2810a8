"""What a trial costs: FLOPs where parameters and tokens are known, else a number in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mutransfer_cli.fit.study.size_axes import PARAMETERS, TOKENS, Sizes, relative_flops

FLOPS_PER_PARAMETER = 6.0  # and token, forward and backward (Kaplan and others, arXiv 2001.08361)


@dataclass(frozen=True)
class CostRule:
    """How the cost of a trial follows from its sizes.

    Attributes:
        unit: The unit of the costs.
        flops: Whether they are FLOPs, from parameters and tokens.
    """

    unit: str
    flops: bool

    def cost(self, sizes: Sizes) -> float:
        """The cost of one trial."""
        if self.flops:
            return FLOPS_PER_PARAMETER * relative_flops(sizes)
        known = {name: size for name, size in sizes.items() if name not in (PARAMETERS, TOKENS)}
        return relative_flops(known)


def cost_rule(rungs: Sequence[Sizes]) -> CostRule:
    """The rule that all sizes allow.

    Args:
        rungs: Sizes of all rungs and of the target.
    """
    if all(sizes.get(PARAMETERS) and sizes.get(TOKENS) for sizes in rungs):
        return CostRule("FLOPs (6 x parameters x tokens)", True)
    if any(sizes.get("width") is None for sizes in rungs):
        return CostRule("parameters x tokens or steps, where known", True)
    return CostRule("width^2 x depth x batch x steps; sizes that are unknown count as 1", False)
