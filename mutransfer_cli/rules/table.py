"""The parameterizations as data: one row for each role, exponents of the width multipliers.

A `Power` (i, o) stands for m_in**i · m_out**o, where m_in and m_out are the ratios target/base of
the tensor's fan-in and fan-out. Sources:
  TP5   Tensor Programs V, arXiv 2203.03466, Tables 3 and 8
  CdP   Complete(d)P, arXiv 2512.22382 (epsilon follows the size of the gradient)
  EV    Everett et al., arXiv 2407.05872 (gradient sizes under the standard parameterization)
  MUP   the mup package, mup/optim.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mutransfer_cli.errors import InputError


class Power(NamedTuple):
    """Exponents of m_in and m_out."""

    fan_in: float = 0.0
    fan_out: float = 0.0

    def __call__(self, m_in: float, m_out: float) -> float:
        return float(m_in**self.fan_in * m_out**self.fan_out)

    def in_width(self, grows_in: bool, grows_out: bool) -> float:
        """The exponent of the width, where both fans that grow do so in proportion to it."""
        return self.fan_in * grows_in + self.fan_out * grows_out


ONE = Power()


@dataclass(frozen=True, slots=True)
class Row:
    """The rule of one role: factors on the values at the base."""

    init: Power  # init standard deviation
    sgd: Power  # learning rate of SGD, with or without momentum
    adam: Power  # learning rate of Adam and AdamW
    gradient: Power  # size of the gradient, which Adam's epsilon has to follow
    source: str
    multiplier: Power = ONE  # forward multiplier


def row(init: Power, sgd: Power, adam: Power, gradient: Power, source: str) -> Row:
    return Row(init, sgd, adam, gradient, source)


MUP = {
    "input": row(ONE, Power(0, 1), ONE, Power(0, -1), "TP5 Table 8, input; eps CdP"),
    "hidden": row(
        Power(-0.5), Power(-1, 1), Power(-1), Power(0, -1), "TP5 Table 8, hidden; eps CdP"
    ),
    "vector": row(ONE, Power(0, 1), ONE, Power(0, -1), "TP5 Table 8, bias (fan_in 1); eps CdP"),
    "scalar": row(ONE, ONE, ONE, ONE, "no dimension grows: constant (TP5)"),
    "fixed": row(ONE, ONE, ONE, ONE, "fixed by the recipe: constant (assumption)"),
    # an embedding; the logits carry the readout's multiplier (MUP, MuSharedReadout)
    "tied": row(ONE, Power(0, 1), ONE, Power(0, -1), "MUP MuSharedReadout; eps CdP"),
}
MUP["convolution"] = MUP["hidden"]  # kernel dimensions are finite (MUP)
MUP["expert"] = MUP["hidden"]

READOUT = {
    "multiplier": Row(
        ONE, Power(1), ONE, Power(-1), "TP5 Table 8, output; eps CdP", multiplier=Power(-1)
    ),
    "absorbed": row(Power(-1), Power(-1), Power(-1), ONE, "TP5 Table 3, output; eps CdP"),
}

SP = {
    "input": row(ONE, ONE, ONE, Power(0, -0.5), "TP5 Table 3, SP; eps EV"),
    "hidden": row(Power(-0.5), ONE, ONE, Power(0, -0.5), "TP5 Table 3, SP; eps EV"),
    "readout": row(Power(-0.5), ONE, ONE, ONE, "TP5 Table 3, SP; eps EV"),
    "vector": row(ONE, ONE, ONE, Power(0, -0.5), "TP5 Table 3, SP; eps EV"),
    "scalar": MUP["scalar"],
    "fixed": MUP["fixed"],
    # the readout keeps the embedding's constant std, so the gradient that it sends back is constant
    "tied": row(ONE, ONE, ONE, ONE, "TP5 Table 3, SP; eps derived"),
}
SP["convolution"] = SP["hidden"]
SP["expert"] = SP["hidden"]

PARAMETERIZATIONS = ("mup", "sp")


def rule(parameterization: str, role: str, readout: str) -> Row:
    """The row for a role; `readout` is `multiplier` or `absorbed` (no effect under sp)."""
    if parameterization == "mup":
        return READOUT[readout] if role == "readout" else MUP[role]
    if parameterization == "sp":
        return SP[role]
    raise InputError(
        f"parameterization: {parameterization!r} is not one of {', '.join(PARAMETERIZATIONS)}"
    )


def tied_logits(parameterization: str) -> Power:
    """The multiplier on the logits of a tied readout, by the width of its input (MUP)."""
    return Power(-1) if parameterization == "mup" else ONE


def clip_power(parameterization: str, readout: str) -> float:
    """Exponent of the width for the threshold of the global gradient norm.

    The norm is constant where an explicit multiplier makes the readout's gradient shrink; else the
    readout's gradient, Θ(1) in each of n entries, makes it grow as √n (derived; measured 0.5).
    """
    return 0.0 if parameterization == "mup" and readout == "multiplier" else 0.5


def attention_power(parameterization: str) -> float:
    """Exponent of the head size in the scale of q·k: 1/d under mup (TP5 §B.1), else 1/√d."""
    return -1.0 if parameterization == "mup" else -0.5
