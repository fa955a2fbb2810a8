"""The parameterizations as data: how each role starts and what multiplies it in the forward pass.

An entry `Power(i, o)` stands for m_in**i · m_out**o, where m_in and m_out are the ratios
target/base of the tensor's fan-in and fan-out. Learning rates and epsilon follow from these rows
and from the optimizer's geometry (derivation.py); the published ones stand in published.py.
Sources:
  TP5   Tensor Programs V, arXiv 2203.03466, Tables 3, 8 and 9
  EV    Everett et al., arXiv 2407.05872, Table 1
  US    the unit-scaling package (u-muP, arXiv 2407.17465)
  MUP   the mup package
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from mutransfer_cli.errors import InputError


class Power(NamedTuple):
    """Exponents of m_in and m_out."""

    fan_in: float = 0.0
    fan_out: float = 0.0

    def __call__(self, m_in: float, m_out: float) -> float:
        return float(m_in**self.fan_in * m_out**self.fan_out)

    def __mul__(self, other: object) -> Power:
        if not isinstance(other, Power):
            return NotImplemented
        return Power(self.fan_in + other.fan_in, self.fan_out + other.fan_out)

    def __pow__(self, exponent: float) -> Power:
        return Power(self.fan_in * exponent, self.fan_out * exponent)

    def in_width(self, grows_in: bool, grows_out: bool) -> float:
        """The exponent of the width, where both fans that grow do so in proportion to it."""
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
    """One role of one parameterization: factors on the values at the base."""

    init: Power  # init standard deviation
    multiplier: Power  # forward multiplier
    source: str

    def shifted(self, by: Power) -> Row:
        """The same function by abc-symmetry: multiplier × by, init / by."""
        return replace(self, multiplier=self.multiplier * by, init=self.init * by**-1)

    def absorbed(self) -> Row:
        """The same function with a multiplier of 1."""
        return self.shifted(self.multiplier**-1)


INPUT = Row(ONE, ONE, "TP5 Tables 3 and 8, input")
HIDDEN = Row(IN**-0.5, ONE, "TP5 Tables 3 and 8, hidden")
VECTOR = Row(ONE, ONE, "TP5 Tables 3 and 8, bias: an input weight of fan-in 1")

TABLE: dict[str, dict[str, Row]] = {
    "sp": {
        "input": Row(ONE, ONE, "TP5 Table 3, SP"),
        "hidden": Row(IN**-0.5, ONE, "TP5 Table 3, SP"),
        "readout": Row(IN**-0.5, ONE, "TP5 Table 3, SP"),
        "vector": Row(ONE, ONE, "TP5 Table 3, SP"),
    },
    "ntk": {
        "input": Row(ONE, ONE, "EV Table 1, NTK, embedding"),
        "hidden": Row(ONE, IN**-0.5, "EV Table 1, NTK, hidden"),
        "readout": Row(ONE, IN**-0.5, "EV Table 1, NTK, readout"),
        "vector": Row(ONE, ONE, "EV Table 1, NTK, as an embedding"),
    },
    "mean-field": {
        "input": Row(ONE, ONE, "EV Table 1, MFP, embedding"),
        "hidden": Row(ONE, IN**-0.5, "EV Table 1, MFP, hidden"),
        "readout": Row(ONE, IN**-1, "EV Table 1, MFP, readout"),
        "vector": Row(ONE, ONE, "EV Table 1, MFP, as an embedding"),
    },
    "mup": {
        "input": INPUT,
        "hidden": HIDDEN,
        "readout": Row(ONE, IN**-1, "TP5 Table 8, output"),
        "vector": VECTOR,
    },
    "umup": {
        "input": Row(ONE, ONE, "US, weight of an embedding: unit init, no multiplier"),
        "hidden": Row(ONE, IN**-0.5, "US, weight: unit init, 1/√fan_in"),
        "readout": Row(ONE, IN**-1, "US, output: unit init, 1/fan_in"),
        "vector": Row(ONE, ONE, "US, bias and norm"),
    },
}
TABLE["completep"] = TABLE["mup"]  # CompleteP (arXiv 2505.01618) is mup in width; depth.py adds
TIED = "MUP MuSharedReadout: an embedding, the readout's multiplier on the logits"
LIKE = {"convolution": "hidden", "expert": "hidden", "tied": "input"}  # kernels are finite (MUP)
CONSTANT = {
    "scalar": Row(ONE, ONE, "no dimension grows: constant (TP5)"),
    "fixed": Row(ONE, ONE, "no agreed rule: constant (assumption)"),
}

PARAMETERIZATIONS = tuple(TABLE)
FORMS = ("multiplier", "absorbed")


def row(parameterization: str, role: str, readout: str = "multiplier") -> Row:
    """The row of a role; `readout` says whether its multiplier is kept or absorbed.

    Raises InputError for an unknown parameterization.
    """
    if parameterization not in TABLE:
        raise InputError(
            f"{parameterization!r} is not one of {', '.join(PARAMETERIZATIONS)}",
            path=("parameterization",),
        )
    if role in CONSTANT:
        return CONSTANT[role]
    found = TABLE[parameterization][LIKE.get(role, role)]
    if role == "tied":
        return replace(found, source=TIED)
    if parameterization == "umup" or (role == "readout" and readout == "multiplier"):
        return found
    return found.absorbed()


def tied_logits(parameterization: str) -> Power:
    """The multiplier on the logits of a tied readout, by the width of its input (MUP).

    Its matrix starts as an embedding, with a constant spread; the multiplier makes up for what the
    readout's own row has in init and multiplier together beyond 1/√m.
    """
    return TABLE[parameterization]["readout"].multiplier


def signal(parameterization: str, tied: bool = False) -> float:
    """Exponent in width of the gradient that reaches the last hidden layer.

    It is the readout's multiplier times its init (derivation kit: δ = mult · W_outᵀ ∂L).
    """
    readout = TABLE[parameterization]["readout"]
    size = readout.multiplier if tied else readout.multiplier * readout.init
    return size.fan_in


def clip_power(parameterization: str, readout: str) -> float:
    """Exponent of the width for the threshold of the global gradient norm.

    Of n entries of the readout each has a gradient of the size of its multiplier, so their norm
    grows as √n · mult; that of n² hidden entries is n · |gradient|. The larger counts, and nothing
    below a constant norm (derived; measured 0 for Table 8, 0.5 for Table 3 and sp).
    """
    out = row(parameterization, "readout", readout)
    hidden = 1 + row(parameterization, "hidden").multiplier.fan_in + signal(parameterization)
    return max(0.0, 0.5 + out.multiplier.fan_in, hidden)


def attention_power(parameterization: str) -> float:
    """Exponent of the head size in the scale of q·k: 1/d where features are learned (TP5 §B.1).

    Else 1/√d.
    """
    return -0.5 if parameterization in {"sp", "ntk"} else -1.0
