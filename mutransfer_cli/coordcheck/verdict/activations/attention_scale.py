"""Checks whether the scale of attention follows the head size, growing or fixed."""

from __future__ import annotations

from mutransfer_cli.catalog.findings import FINDINGS
from mutransfer_cli.documents.check import FaultReport
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.roles import Attention

SCALE_TOLERANCE = 1e-3  # relative
UNIT_NORM = 0.5  # of rows over √head_size each: 1 after a norm layer, 1/head_size at unit length


def attention_faults(family: Family, parameterization: str) -> tuple[FaultReport, ...]:
    """The fault of a scale of q·k that does not follow the head size.

    A scale that changes with the width while the head size is fixed changes the logits. Where q
    and k are normalized, their norms count as part of the scale.
    """
    if not family.attention:
        return ()
    power = parameterization_of(parameterization).attention_power
    expected = family.head_growth**power
    if abs(family.scale_growth / expected - 1) < SCALE_TOLERANCE:
        return ()
    call = family.attention[0]
    location = f"`{call.module}`" if call.module else "the model's attention"
    grows = "is fixed" if family.head_growth == 1.0 else f"grows by {family.head_growth:g}"
    return (
        FaultReport(
            finding="attention-scale",
            where=call.module,
            message=f"in {location} the head size {grows} and the scale of q·k"
            f"{', with the norms of q and k,' if call.norm != 1.0 else ''} changes by "
            f"{family.scale_growth:.3g} instead of {expected:.3g}",
            fix=FINDINGS["attention-scale"].fix(
                scale=fitting_scale(call, power if family.head_growth != 1.0 else 0.0),
                today=f"{call.scale:.3g}",
                head_size=call.head_size,
            ),
        ),
    )


def fitting_scale(call: Attention, power: float) -> str:
    """A scale that is right at every width, and the same as today at the base.

    Args:
        call: The call at the base.
        power: Exponent of the head size with which the scale and the norms of q and k should go.
    """
    if call.norm < UNIT_NORM:  # rows of unit length: the norms go as 1/head_size
        power += 1
    if power == 0:
        return f"{call.scale:.3g} at every width"
    divisor = {-1.0: "head_size", -0.5: "√head_size"}.get(power, f"head_size^{-power:g}")
    return f"{call.scale * call.head_size**-power:.3g}/{divisor}"
