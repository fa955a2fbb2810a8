"""Learning rate and epsilon, derived from size conditions and the optimizer's geometry.

The condition (Yang, Simon, Bernstein 2023; Everett et al. 2407.05872): a tensor's update changes
the output of its own layer by Θ(1),
    multiplier · learning rate · |update| · fan_in^a = Θ(1),
where |update| is the size of one entry of the update at learning rate 1, and a is 1 where updates
are fully aligned with what they act on, 1/2 where they are not. With Muon, Shampoo and SOAP the
spectral norm of the update is known instead, and has to be √(fan_out/fan_in).
Entries of the update (the geometry):
    gradient   sgd                       multiplier · δ · input = multiplier · fan_out^signal
    sign       adam, adamw, lion         1
    relative   adafactor                 RMS of the tensor itself: that of its init
    spectral   muon, shampoo, soap       spectral norm 1
"""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.parameterization import init_tables as table
from mutransfer_cli.parameterization.init_tables import IN, ONE, OUT, Power, Row

GEOMETRY = {
    "sgd": "gradient",
    "adam": "sign",
    "adamw": "sign",
    "lion": "sign",
    "adafactor": "relative",
    "muon": "spectral",
    "shampoo": "spectral",
    "soap": "spectral",
}
PACKAGED = ("gradient", "sign")  # geometries for which the unit-scaling package has rules
ALIGNMENT = {"full": 1.0, "none": 0.5}


@dataclass(frozen=True, slots=True)
class Rates:
    """Factors on a tensor's learning rate and on the size of its gradient, and why."""

    lr: Power
    gradient: Power
    why: str


def gradient_of(row: Row, role: str, parameterization: str, tied: bool) -> Power:
    """Size of one entry of the gradient: multiplier · δ · input, δ being 1 at the logits."""
    if role in table.CONSTANT:
        return ONE
    if role == "readout":
        return row.multiplier
    if role == "tied":  # the larger of its two uses
        inner = OUT ** table.signal(parameterization, tied=True)
        return max(inner, OUT ** table.tied_logits(parameterization).fan_in)
    return row.multiplier * OUT ** table.signal(parameterization, tied)


def rates(
    row: Row,
    role: str,
    parameterization: str,
    optimizer: str,
    *,
    alignment: str | None = None,
    tied: bool = False,
) -> Rates:
    """The width rule of a role that starts and is multiplied as the row says.

    optimizer: a key of GEOMETRY. alignment: full, none, or None for the default: full, but one
    learning rate for every tensor under sp. tied: the model's readout is its embedding.
    """
    gradient = gradient_of(row, role, parameterization, tied)
    if role in table.CONSTANT:
        return Rates(ONE, gradient, "no dimension of it grows, or no rule is agreed: constant")
    if parameterization == "sp" and alignment is None:
        return Rates(ONE, gradient, "sp: one learning rate for every tensor")
    if parameterization == "umup" and GEOMETRY[optimizer] in PACKAGED:
        return umup_rates(role, optimizer)
    a = ALIGNMENT[alignment or "full"]
    geometry = GEOMETRY[optimizer]
    if geometry == "spectral" and role not in {"vector", "tied"}:
        lr = (OUT * IN**-1) ** 0.5 * row.multiplier**-1
        why = f"spectral norms of W and of its update ∝ √(fan_out/fan_in): {say(lr)}"
        return Rates(lr, gradient, why)
    size = {"gradient": gradient, "relative": row.init}.get(geometry, ONE)
    summed = ONE if role in {"input", "vector"} else IN**a  # a lookup or a gain sums over nothing
    lr = (row.multiplier * size * summed) ** -1
    if role == "tied":
        as_readout = table.tied_logits(parameterization).fan_in + size.fan_out + a
        lr = OUT ** min(-size.fan_out, -as_readout)
    why = (
        f"output ∝ multiplier ({row.multiplier}) × entry of the update ({size}) × "
        f"{'aligned' if a == 1 else 'random'} sum over inputs ({summed}) × rate: {say(lr)}"
    )
    if role == "readout" and geometry == "gradient" and a < 1:
        # or the gradient sent backward outgrows its size at init (Everett et al.)
        cap = (row.init * gradient**-1).fan_in
        if cap < lr.fan_in:
            lr = IN**cap
            why = f"its update must not outgrow its init, which sends gradients back: {say(lr)}"
    return Rates(lr, gradient, why)


def umup_rates(role: str, optimizer: str) -> Rates:
    """The unit-scaling package is the authority: optim.py, lr_scale_func_adam and _sgd."""
    if GEOMETRY[optimizer] == "gradient":
        known = {"input": OUT**0.5, "hidden": IN**0.5, "readout": ONE, "vector": OUT}
    else:
        known = {"input": OUT**-0.5, "hidden": IN**-0.5, "readout": ONE, "vector": ONE}
    lr = known[table.LIKE.get(role, role)]
    # weight gradients are scaled to unit size there, so epsilon stays (assumption)
    return Rates(lr, ONE, f"US optim.py: {say(lr)}")


def say(lr: Power) -> str:
    return f"rate ∝ {lr}"
