"""How a tensor's numbers scale with the depth of a residual network: exponents of m_L."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.geometry import Geometry


@dataclass(frozen=True, slots=True)
class DepthRule:
    """Exponents of m_L, the ratio target/base of the depth, for one tensor.

    Attributes:
        lr: Exponent of the learning rate.
        gradient: Exponent of the gradient's size, which epsilon follows.
        init: Exponent of the init standard deviation.
        multiplier: Exponent of a forward multiplier that has to be folded in.
    """

    lr: float = 0.0
    gradient: float = 0.0
    init: float = 0.0
    multiplier: float = 0.0

    def absorbed(self, geometry: Geometry) -> DepthRule:
        """The rule with the branch's multiplier folded into the tensor (abc-symmetry)."""
        return DepthRule(
            lr=self.lr - geometry.lr_power * self.multiplier,
            gradient=self.gradient - self.multiplier,
            init=self.init + self.multiplier,
        )


CONSTANT_IN_DEPTH = DepthRule()
