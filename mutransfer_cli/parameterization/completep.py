"""CompleteP (arXiv 2505.01618): muP in width, with rules for the depth of a residual network.

`rules.depth_alpha` is the residual exponent α, 1/2 to 1; α = 1/2 is depth-muP (arXiv 2310.02244). A
branch is multiplied by m_L^-α. The changes of L branches add up, so that of each must scale as
m_L^-1, and a tensor inside a branch needs a learning rate that scales as m_L^(α-1). Its gradient
scales as m_L^-α, which epsilon follows (Complete(d)P, arXiv 2512.22382) and for which the learning
rate of SGD compensates.
"""

from __future__ import annotations

from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.choice import Choice
from mutransfer_cli.parameterization.rows.depth_rule import CONSTANT_IN_DEPTH, DepthRule
from mutransfer_cli.parameterization.rules.mup_tables import (
    FORM_OF_READOUT,
    MUP_PUBLISHED,
    MUP_ROWS,
)


class CompleteP(Parameterization):
    """muP with depth rules."""

    def branch_power(self, alpha: float) -> float:
        """Return -α: branches are multiplied by m_L^-α."""
        return -alpha

    def depth_rule(
        self, geometry: Geometry, alpha: float, in_block: bool, ends_branch: bool
    ) -> DepthRule:
        """The learning rate of a tensor in a block scales as m_L^(α-1), with SGD as m_L^(2α-1).

        Args:
            geometry: Geometry of the optimizer that trains the tensor.
            alpha: `rules.depth_alpha`.
            in_block: Whether the tensor is in a block that repeats along the depth.
            ends_branch: Whether the multiplier of the branch has to be folded into the tensor.
        """
        if not in_block:
            return CONSTANT_IN_DEPTH
        lr = 2 * alpha - 1 if geometry.sees_gradient_scale else alpha - 1
        if not ends_branch:
            return DepthRule(lr=lr, gradient=-alpha)
        return DepthRule(lr=lr, gradient=-alpha, multiplier=-alpha).absorbed(geometry)

    def looped_rule(self, geometry: Geometry, alpha: float, ends_branch: bool) -> DepthRule:
        """A block that is applied m_L times as often changes every branch at once.

        The branches of all applications and their changes add up coherently, so that α has to be 1
        (arXiv 2606.18524; second-hand: its abstract), and the learning rate is then constant. The
        gradient is the sum over the applications and scales as m_L^(1-α); the rate scales as
        m_L^(α-1), with SGD as m_L^(2α-2) (derived).

        Args:
            geometry: Geometry of the optimizer that trains the tensor.
            alpha: `rules.depth_alpha`.
            ends_branch: Whether the branch's multiplier has to be folded into the tensor.
        """
        lr = 2 * alpha - 2 if geometry.sees_gradient_scale else alpha - 1
        if not ends_branch:
            return DepthRule(lr=lr, gradient=1 - alpha)
        return DepthRule(lr=lr, gradient=1 - alpha, multiplier=-alpha).absorbed(geometry)

    def stream_rule(self, geometry: Geometry, looped: bool) -> DepthRule:
        """Its change is not multiplied by the branch's number: the rate has to scale as m_L^-1.

        So it is for the gains and biases of norms behind the residual sum (derived; published rules
        are for norms inside the branches). Its gradient is constant, or if it is looped, a sum over
        its applications.

        Args:
            geometry: Geometry of the optimizer that trains the tensor.
            looped: Whether a deeper model applies it more often, and has no more of its kind.
        """
        gradient = 1.0 if looped else 0.0
        follows = gradient if geometry.sees_gradient_scale else 0.0
        return DepthRule(lr=-1.0 - follows, gradient=gradient)

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
