"""How a tensor's numbers follow the depth of a residual network: exponents of m_L.

CompleteP (arXiv 2505.01618) with alpha 1/2 to 1; alpha 1/2 is depth-muP (arXiv 2310.02244). A
branch is multiplied by m_L^-alpha; L of them add up, so a tensor inside a branch must change it by
m_L^(alpha-1): alpha and the exponent of its learning rate and 1 sum to 0. Its gradient is
m_L^-alpha, which epsilon follows (Complete(d)P, arXiv 2512.22382) and SGD's rate makes up for.
"""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.parameterization.lr_rules import GEOMETRY


@dataclass(frozen=True, slots=True)
class DepthRule:
    """Exponents of m_L for a tensor."""

    lr: float = 0.0
    gradient: float = 0.0
    init: float = 0.0
    multiplier: float = 0.0

    def absorbed(self, optimizer: str) -> DepthRule:
        """The branch's multiplier folded into the tensor that ends it (abc-symmetry)."""
        power = {"gradient": 2.0, "relative": 0.0}.get(GEOMETRY[optimizer], 1.0)
        return DepthRule(
            lr=self.lr + power * self.multiplier,
            gradient=self.gradient - self.multiplier,
            init=self.init + self.multiplier,
        )


OUTSIDE = DepthRule()


def branch_power(parameterization: str, alpha: float) -> float:
    """Exponent of m_L in the multiplier of every residual branch; 0: no rule for the depth."""
    return -alpha if parameterization == "completep" else 0.0


def depth_rule(
    parameterization: str, optimizer: str, alpha: float, in_block: bool, ends_branch: bool
) -> DepthRule:
    """The rule of one tensor.

    in_block: it lies in a block that is repeated along the depth. ends_branch: the multiplier of
    the branch has to be folded into it, because the model has no knob for it.
    """
    if parameterization == "umup" and in_block:
        return DepthRule(lr=-0.5)  # US optim.py, lr_scale_for_depth
    if parameterization != "completep" or not in_block:
        return OUTSIDE
    lr = 2 * alpha - 1 if GEOMETRY[optimizer] == "gradient" else alpha - 1
    if not ends_branch:
        return DepthRule(lr=lr, gradient=-alpha)
    return DepthRule(lr=lr, gradient=-alpha, multiplier=-alpha).absorbed(optimizer)
