"""How a tensor's numbers follow the depth of a residual network: exponents of m_L."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.geometry import Geometry


@dataclass(frozen=True, slots=True)
class DepthRule:
    """Exponents of m_L, the ratio target/base of the depth, for one tensor.

    Attributes:
        lr: Of the learning rate.
        gradient: Of the size of the gradient, which epsilon follows.
        init: Of the init standard deviation.
        multiplier: Of a forward multiplier that has to be folded in.
    """

    lr: float = 0.0
    gradient: float = 0.0
    init: float = 0.0
    multiplier: float = 0.0

    def absorbed(self, geometry: Geometry) -> DepthRule:
        """The branch's multiplier folded into the tensor that ends it (abc-symmetry)."""
        return DepthRule(
            lr=self.lr - geometry.lr_power * self.multiplier,
            gradient=self.gradient - self.multiplier,
            init=self.init + self.multiplier,
        )


CONSTANT_IN_DEPTH = DepthRule()
