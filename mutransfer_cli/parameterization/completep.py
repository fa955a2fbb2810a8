"""CompleteP (arXiv 2505.01618): muP in width, with rules for the depth of a residual network.

`rules.depth_alpha` is the residual exponent α, 1/2 to 1; α = 1/2 is depth-muP (arXiv 2310.02244). A
branch is multiplied by m_L^-α; L of them add up, so a tensor inside a branch must change it by
m_L^(α-1): α and the exponent of its learning rate and 1 sum to 0. Its gradient is m_L^-α, which
epsilon follows (Complete(d)P, arXiv 2512.22382) and SGD's learning rate makes up for.
"""

from __future__ import annotations

from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rules.choice import Choice
from mutransfer_cli.parameterization.rules.depth_rules import CONSTANT_IN_DEPTH, DepthRule
from mutransfer_cli.parameterization.rules.mup_tables import (
    FORM_OF_READOUT,
    MUP_PUBLISHED,
    MUP_ROWS,
)


class CompleteP(Parameterization):
    """muP with depth rules."""

    def branch_power(self, alpha: float) -> float:
        """Branches are multiplied by m_L^-α."""
        return -alpha

    def depth_rule(
        self, geometry: Geometry, alpha: float, in_block: bool, ends_branch: bool
    ) -> DepthRule:
        """Learning rate m_L^(α-1), for SGD m_L^(2α-1), of a tensor in a block.

        Args:
            geometry: That of the optimizer that trains the tensor.
            alpha: `rules.depth_alpha`.
            in_block: Whether it is in a block that is repeated along the depth.
            ends_branch: Whether the multiplier of the branch has to be folded into it.
        """
        if not in_block:
            return CONSTANT_IN_DEPTH
        lr = 2 * alpha - 1 if geometry.sees_gradient_scale else alpha - 1
        if not ends_branch:
            return DepthRule(lr=lr, gradient=-alpha)
        return DepthRule(lr=lr, gradient=-alpha, multiplier=-alpha).absorbed(geometry)

    def depth_choice(self, alpha: float) -> Choice:
        """The residual exponent, on which sources disagree."""
        return Choice(
            "residual exponent (rules.depth_alpha)",
            f"{alpha:g}",
            "theory",
            "CompleteP 2505.01618",
            "1/2: depth-muP 2310.02244; both transfer in Complete(d)P 2512.22382",
        )


COMPLETEP = CompleteP(
    name="completep", rows=MUP_ROWS, published=MUP_PUBLISHED, form_of_readout=FORM_OF_READOUT
)
