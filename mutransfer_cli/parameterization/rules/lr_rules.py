"""Learning rate and epsilon, derived from size conditions and the optimizer's geometry.

The condition (Yang, Simon, Bernstein 2023; Everett et al. 2407.05872): a tensor's update changes
the output of its own layer by Θ(1),
    multiplier · learning rate · |update| · fan_in^a = Θ(1),
where |update| is the size of one entry of the update at learning rate 1, and a is 1 where updates
are fully aligned with what they act on, 1/2 where they are not. Where the spectral norm of the
update is known instead, it has to be √(fan_out/fan_in). Entries of the update, by geometry:
    gradient   multiplier · δ · input = multiplier · fan_out^signal
    sign       1
    relative   RMS of the tensor itself: that of its init
    fixed norm the same
    spectral   (spectral norm 1; of a fixed norm RMS of the init · √max(fan_in, fan_out), of which
               the root is the factor of the optimizer's class)
"""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.geometry import GRADIENT, Geometry
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.powers import CONSTANT, IN, ONE, OUT, Power, Row

ALIGNMENT = {"full": 1.0, "none": 0.5}
WITHOUT_SUM = frozenset({"input", "vector"})  # a lookup or a gain, which sums over nothing
NOT_SPECTRAL = frozenset({"vector"})  # not a matrix


@dataclass(frozen=True, slots=True)
class LrRule:
    """Powers of the width for a tensor's learning rate and gradient size, and the derivation."""

    lr: Power
    gradient: Power
    why: str


def gradient_size(parameterization: Parameterization, role: str, row: Row, tied: bool) -> Power:
    """Size of one entry of the gradient: multiplier · δ · input, δ being 1 at the logits.

    Args:
        parameterization: The parameterization, whose readout determines the gradient δ.
        role: The tensor's role.
        row: The tensor's init and multiplier.
        tied: Whether the model's readout is its embedding.
    """
    if (
        role in CONSTANT or parameterization.unit_scaled
    ):  # unit scaling keeps weight gradients at unit size
        return ONE
    if role == "readout":
        return row.multiplier
    inner = OUT ** parameterization.signal(tied or role == "tied")
    if role == "tied":  # the larger of its two uses
        return max(inner, OUT**parameterization.tied_logits.fan_in)
    return row.multiplier * inner


def entry_size(geometry: Geometry, gradient: Power, row: Row) -> Power:
    """Size of one entry of the update at learning rate 1."""
    if geometry == GRADIENT:
        return gradient
    return row.init if geometry.follows_weights else ONE


def is_spectral(geometry: Geometry, role: str) -> bool:
    """Whether the spectral norm of the update is known instead of the size of its entries."""
    return geometry.spectral and role not in NOT_SPECTRAL


def lr_rule(
    parameterization: Parameterization,
    geometry: Geometry,
    role: str,
    row: Row,
    *,
    alignment: str | None = None,
    tied: bool = False,
) -> LrRule:
    """The width rule of a role with the init and multiplier of a row.

    Args:
        parameterization: The parameterization whose rule applies.
        geometry: Geometry of the optimizer that trains the tensor.
        role: The tensor's role.
        row: The tensor's init and multiplier, in any equivalent form.
        alignment: full, none, or None for the default: full, or one learning rate for all tensors.
        tied: Whether the model's readout is its embedding.
    """
    gradient = gradient_size(parameterization, role, row, tied)
    if role in CONSTANT:
        return LrRule(ONE, gradient, "no dimension grows, or there is no agreed rule: constant")
    if parameterization.single_lr_source is not None and alignment is None:
        one = f"{parameterization.name}: one learning rate for every tensor"
        why = (
            f"{one}, in units of its update's spectral norm" if is_spectral(geometry, role) else one
        )
        return LrRule(ONE, gradient, why)
    prescribed = parameterization.prescribed_lr(role, geometry)
    if prescribed is not None:
        lr, source = prescribed
        return LrRule(lr, gradient, f"{source}: {proportional(lr)}")
    if is_spectral(geometry, role) and role == "tied":
        # as an embedding √fan_out, since an input of one entry has norm 1; as a readout the sum
        # over the width is that of a matrix of this spectral norm: √fan_out · multiplier
        size = entry_size(geometry, gradient, row)
        lr = OUT ** min(0.5, -parameterization.tied_logits.fan_in - 0.5) * size**-1
        return LrRule(lr, gradient, f"spectral norm of the update in both uses: {proportional(lr)}")
    if is_spectral(geometry, role):
        lr = (OUT * IN**-1) ** 0.5 * (row.multiplier * entry_size(geometry, gradient, row)) ** -1
        why = f"spectral norms of W and of its update ∝ √(fan_out/fan_in): {proportional(lr)}"
        return LrRule(lr, gradient, why)
    a = ALIGNMENT[alignment or "full"]
    size = entry_size(geometry, gradient, row)
    summed = ONE if role in WITHOUT_SUM else IN**a
    lr = (row.multiplier * size * summed) ** -1
    if role == "tied":
        as_readout = parameterization.tied_logits.fan_in + size.fan_out + a
        lr = OUT ** min(-size.fan_out, -as_readout)
    why = (
        f"output ∝ multiplier ({row.multiplier}) × entry of the update ({size}) × "
        f"{'aligned' if a == 1 else 'random'} sum over inputs ({summed}) × rate: {proportional(lr)}"
    )
    if role == "readout" and geometry == GRADIENT and a < 1:
        # otherwise the gradient sent backward outgrows its size at init (Everett et al.)
        cap = (row.init * gradient**-1).fan_in
        if cap < lr.fan_in:
            lr = IN**cap
            why = (
                "its update must not outgrow its init, which sends gradients back: "
                f"{proportional(lr)}"
            )
    return LrRule(lr, gradient, why)


def proportional(lr: Power) -> str:
    """A learning rate's power of the width, as text."""
    return f"rate ∝ {lr}"
