"""Powers of the width, and the rows of a parameterization's table.

An entry `Power(i, o)` stands for m_in**i · m_out**o, where m_in and m_out are the ratios
target/base of the tensor's fan-in and fan-out. Learning rates and epsilon follow from the rows and
from the optimizer's geometry (`lr_rules`). The tables of all parameterizations quote these sources:
  TP5   Tensor Programs V, arXiv 2203.03466, Tables 3, 8 and 9
  EV    Everett et al., arXiv 2407.05872, Table 1
  US    the unit-scaling package (u-muP, arXiv 2407.17465)
  MUP   the mup package
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


class Power(NamedTuple):
    """Exponents of m_in and m_out."""

    fan_in: float = 0.0
    fan_out: float = 0.0

    def __call__(self, m_in: float, m_out: float) -> float:
        """The factor for these ratios of the fans."""
        return float(m_in**self.fan_in * m_out**self.fan_out)

    def __mul__(self, other: object) -> Power:
        if not isinstance(other, Power):
            return NotImplemented
        return Power(self.fan_in + other.fan_in, self.fan_out + other.fan_out)

    def __pow__(self, exponent: float) -> Power:
        return Power(self.fan_in * exponent, self.fan_out * exponent)

    def in_width(self, grows_in: bool, grows_out: bool) -> float:
        """The exponent of the width, if the growing fans are proportional to it."""
        return self.fan_in * grows_in + self.fan_out * grows_out

    def __str__(self) -> str:
        parts = [
            name if exponent == 1 else f"{name}^{exponent:g}"
            for name, exponent in (("m_in", self.fan_in), ("m_out", self.fan_out))
            if exponent
        ]
        return "·".join(parts) or "1"


ONE = Power()
IN, OUT = Power(1, 0), Power(0, 1)


@dataclass(frozen=True, slots=True)
class Row:
    """One role of one parameterization: factors on the values at the base.

    Attributes:
        init: Factor on the init standard deviation.
        multiplier: Factor on the forward multiplier.
        source: Paper and table.
    """

    init: Power
    multiplier: Power
    source: str

    def shifted(self, by: Power) -> Row:
        """An equivalent row by abc-symmetry: multiplier × by, init / by."""
        return replace(self, multiplier=self.multiplier * by, init=self.init * by**-1)

    def absorbed(self) -> Row:
        """The equivalent row with a multiplier of 1."""
        return self.shifted(self.multiplier**-1)


# Roles that use another role's row: kernels have finite size, and a tied matrix is initialized as
# an embedding (MUP).
ROW_OF_ROLE = {"convolution": "hidden", "expert": "hidden", "tied": "input"}

# The same in every parameterization.
CONSTANT = {
    "scalar": Row(ONE, ONE, "no dimension grows: constant (TP5)"),
    "fixed": Row(ONE, ONE, "no agreed rule: constant (assumption)"),
}
