"""Checks the sizes of activations, and whether what is found persists between larger widths."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.coordcheck.check_request import CheckRequest
from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.activations.activation_scale import (
    Judge,
    activation_faults,
)
from mutransfer_cli.coordcheck.verdict.tensor_verdict import verdict_on
from mutransfer_cli.coordcheck.verdict.undecided import doubt_about, persists
from mutransfer_cli.documents.check import FaultReport
from mutransfer_cli.parameterization.protocol import parameterization_of


def larger_half(request: CheckRequest, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The measurements at the larger widths."""
    middle = request.widths[(len(request.widths) - 1) // 2]
    return [m for m in measurements if m.size >= middle]


def faults_of_activations(
    request: CheckRequest, measurements: Sequence[Measurement]
) -> tuple[tuple[FaultReport, ...], str]:
    """The faults of activations, or why those that were found prove nothing.

    Args:
        request: The request.
        measurements: Measurements at all widths and seeds, with repaired inits.
    """
    if not all(m.finite for m in measurements):
        return (), ""
    power = request.sum_power
    if power is None:
        power = parameterization_of(request.parameterization).attention_power

    def faults_at(chosen: Sequence[Measurement], judge: Judge) -> tuple[FaultReport, ...]:
        faults = activation_faults(chosen, request.expected, power, judge)
        return tuple(f for f in faults if not (request.may_fade and shrinks(f)))

    faults = faults_at(measurements, verdict_on)
    if request.axis != "width" or not faults:
        return faults, ""
    wider = faults_at(larger_half(request, measurements), persists)
    doubt = doubt_about(faults, wider, request.widths)
    return (() if doubt else faults), doubt


def shrinks(fault: FaultReport) -> bool:
    """Whether a fault is that an activation shrinks, so that its repair makes it larger."""
    return any(r.quantity in {"multiplier", "input"} and r.power > 0 for r in fault.repairs)
