"""Checks whether the scale of attention follows a head size that grows with the width."""

from __future__ import annotations

from mutransfer_cli.catalog.findings import FINDINGS
from mutransfer_cli.documents.check import FaultReport
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.tracing.family import Family

SCALE_TOLERANCE = 1e-3  # relative


def attention_faults(family: Family, parameterization: str) -> tuple[FaultReport, ...]:
    """The fault of a growing head size with a wrong scale; none if the head size is fixed."""
    if family.head_growth == 1.0:
        return ()
    power = parameterization_of(parameterization).attention_power
    expected = family.head_growth**power
    if abs(family.scale_growth / expected - 1) < SCALE_TOLERANCE:
        return ()
    call = family.attention[0]
    divisor = {-1.0: "head_size", -0.5: "√head_size"}.get(power, f"head_size^{-power:g}")
    location = f"`{call.module}`" if call.module else "the model's attention"
    return (
        FaultReport(
            finding="attention-scale",
            where=call.module,
            message=f"in {location} the head size grows by {family.head_growth:g} and the scale of "
            f"q·k by {family.scale_growth:.3g} instead of {expected:.3g}",
            fix=FINDINGS["attention-scale"].fix(
                scale=f"{call.scale * call.head_size**-power:.3g}/{divisor}",
                today=f"{call.scale:.3g}",
                head_size=call.head_size,
            ),
        ),
    )
