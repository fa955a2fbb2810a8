"""Which measurements of a tensor's update can be judged, and why the others cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mutransfer_cli.coordcheck.measure.width_training import Measurement

FROZEN = "frozen (requires_grad=False)"
IDLE = "the loss does not depend on it, but for rounding"
OUTSIDE = "it is used outside every module's forward pass, where its effect cannot be measured"

Problem = Literal["not-trained", "outside", "sparse", "frozen", "idle"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of one tensor's updates.

    Attributes:
        measurements: Those in which an effect of its update was measured.
        problem: Why its update cannot be judged like that of others; None if it can.
        reason: The same as a sentence.
    """

    measurements: tuple[Measurement, ...]
    problem: Problem | None = None
    reason: str = ""


def coverage_of(name: str, measurements: Sequence[Measurement]) -> Coverage:
    """Find out in which measurements a tensor moved, and why it did not in the others.

    An expert that few tokens reach has no gradient with some seeds; the others suffice.

    Args:
        name: The tensor's name.
        measurements: Measurements at all widths and seeds.
    """
    measured = tuple(m for m in measurements if m.effects.get(name))
    missing = {m.size for m in measurements} - {m.size for m in measured}
    if measurements and all(name in m.frozen for m in measurements):
        return Coverage(measured, "frozen", FROZEN)
    if measurements and all(name in m.idle for m in measurements):
        return Coverage(measured, "idle", IDLE)
    if not missing:
        return Coverage(measured)
    there = [m for m in measurements if m.size in missing and name in m.trained]
    if not there and not any(name in m.trained for m in measurements):
        return Coverage(measured, "not-trained", "no gradient reached it")
    if not there:
        widths = ", ".join(map(str, sorted(missing)))
        return Coverage(measured, "sparse", f"no gradient reached it at width {widths}")
    unmoved = [m for m in there if not m.moves.get(name)]
    if not unmoved:
        return Coverage(measured, "outside", OUTSIDE)
    if all(name in m.idle for m in unmoved):
        return Coverage(measured, "idle", IDLE)
    return Coverage(measured, "not-trained", "the optimizer did not move it")
