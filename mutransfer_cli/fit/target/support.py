"""Whether a ladder supports an interval for the optimum at a target.

A line of optima says nothing of how it bends beyond the rungs. An interval is given as far beyond
the ladder as the ladder spans, and only along axes that it spans by an octave (assumption).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from mutransfer_cli.fit.study.size_axes import SAME, SizeAxis, Sizes, every_axis

SHORTEST_SPAN = 1.0  # octaves
# Octaves per octave by which an optimum may move along an axis that no run varies, beyond the rule
# that is applied: half the range of published exponents of the learning rate in the training
# length, 0 to -0.5 (assumption for the other axes).
DRIFT_SD = 0.25
ROUNDING = 0.05  # octaves; sizes are whole numbers


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a ladder spans an axis, and how far beyond it the target is.

    Attributes:
        axis: Name of the size.
        span: Octaves between the smallest and the largest rung.
        beyond: Octaves from the nearest rung to the target; 0 within the span.
    """

    axis: str
    span: float
    beyond: float

    @property
    def unvaried(self) -> bool:
        """Whether the target differs along an axis on which no two rungs do."""
        return self.beyond > SAME and self.span <= SAME

    @property
    def short(self) -> bool:
        """Whether the target is beyond rungs that span less than an octave."""
        return self.beyond > SAME and SAME < self.span < SHORTEST_SPAN - ROUNDING

    @property
    def fault(self) -> str | None:
        """Why the ladder supports no interval along this axis; None where it does."""
        if self.beyond <= SAME:
            return None
        if self.unvaried:
            return f"the runs do not vary {self.axis}, by which the target differs"
        if self.short:
            return f"the runs span {self.span:.2g} octaves of {self.axis}, less than one"
        if self.beyond > self.span + ROUNDING:
            return (
                f"the target is {self.beyond:.3g} octaves beyond the runs in {self.axis}, which "
                f"span {self.span:.3g}"
            )
        return None


def extents(rungs: Sequence[Sizes], axes: Sequence[SizeAxis], target: Sizes) -> list[Extent]:
    """The extent along each axis on which the rungs or the target vary.

    Args:
        rungs: The sizes of all rungs.
        axes: The axes along which the rungs vary.
        target: The sizes of the target.
    """
    varied = {axis.name for axis in axes}
    constant = [axis for axis in every_axis(rungs) if axis.name not in varied]
    found = []
    for axis in (*axes, *constant):
        known = [axis.position(rung) for rung in rungs if axis.known(rung)]
        if not known or not axis.known(target):
            continue
        position = axis.position(target)
        beyond = max(position - max(known), min(known) - position, 0.0)
        found.append(Extent(axis.name, max(known) - min(known), beyond))
    return found


def unsupported(extents: Sequence[Extent]) -> str | None:
    """Why there is no interval for the optimum, in one sentence; None where there is one."""
    faults = [extent.fault for extent in extents if extent.fault is not None]
    return "; ".join(faults) if faults else None


def unknown_drift(extents: Sequence[Extent]) -> float:
    """Standard deviation, in octaves, of the optimum's move along axes that no run varies."""
    return hypot(0.0, *(DRIFT_SD * e.beyond for e in extents if e.span <= SAME))
