"""Whether the optimum of one hyperparameter is resolved at a rung; if not, what to run."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.decision.rungs.visible_trend import visible_trend
from mutransfer_cli.fit.decision.wording import spoken
from mutransfer_cli.fit.study.coordinates import DECAYS, Coordinate
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.surface.range_end import range_end
from mutransfer_cli.surface.response.response_surface import interval

Array = NDArray[np.float64]

OUTSIDE = 0.2  # share of the draws beyond the tried values above which the optimum is outside
FLAT = 1.5  # octaves; an optimum known less well is not resolved
FLAT_CONFIDENCE = 0.9
INSIDE = 2  # values between the best run and an end at which the optimum cannot seem to be
FEWEST_VALUES = 3  # of a hyperparameter that can bracket an optimum


@dataclass(frozen=True)
class Tried:
    """The coordinates of one hyperparameter at one rung.

    Attributes:
        values: Distinct coordinates of runs that finished, ascending.
        diverged: The lowest coordinate of runs that diverged above all of these; None: none did.
        in_study: Number of distinct coordinates of runs that finished on any rung.
        equal: Whether all losses of the rung are the same number.
        trend: Whether the losses change with the hyperparameter by more than their noise; also
            true where the runs cannot tell.
        best: The coordinate with the lowest mean loss, where this is the only hyperparameter.
    """

    values: tuple[float, ...]
    diverged: float | None
    in_study: int
    equal: bool = False
    trend: bool = True
    best: float | None = None

    def inside(self, end: str) -> bool:
        """Whether the best run is well inside the range: two values or more from an end."""
        if self.best is None:
            return False
        index = self.values.index(self.best)
        return (
            0 < index < len(self.values) - 1
            and (index if end == "low" else len(self.values) - 1 - index) >= INSIDE
        )

    @classmethod
    def of(cls, fitted: StudySurface, rung: int, j: int) -> Tried:
        """The values of hyperparameter `j` at a rung."""
        runs = fitted.study.runs
        column = runs.settings[runs.rung == rung, j]
        lost = runs.diverged[runs.rung == rung]
        values = tuple(np.unique(column[~lost]).tolist())
        above = [float(x) for x in column[lost] if x > values[-1]]
        in_study = len(np.unique(runs.settings[~runs.diverged, j]))
        finished = (runs.rung == rung) & ~runs.diverged
        equal = bool(np.ptp(runs.losses[finished]) == 0)
        trend = runs.settings.shape[1] > 1 or visible_trend(
            runs.settings[finished, j], runs.losses[finished], runs.seeds[finished]
        )
        best = None
        if runs.settings.shape[1] == 1:
            own, losses = runs.settings[finished, j], runs.losses[finished]
            best = min(values, key=lambda value: float(losses[own == value].mean()))
        return cls(values, min(above, default=None), in_study, equal, trend, best)


SHARES = {"warmup", "final", "decay"}  # of a run or of the peak: at most 1
SHARES |= {"schedule.warmup", "schedule.final", "schedule.decay"}


@dataclass
class Findings:
    """What is found at one rung besides the reasons; added to, one hyperparameter after another.

    Attributes:
        at_end: The end of the tried values at which a hyperparameter is best.
        flat: Hyperparameters with which the loss hardly changes.
        notes: Caveats about resolved optima.
    """

    at_end: dict[str, str] = field(default_factory=dict)
    flat: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def end_message(coordinate: Coordinate, end: str, low: float, high: float) -> str:
    """Says that the best value is at an end of the tried ones, and which to run.

    Args:
        coordinate: The hyperparameter.
        end: low or high.
        low: The lowest value that finished.
        high: The highest value that finished.
    """
    kind = "list" if coordinate.listed else "range"
    if end == "low":
        step = coordinate.value(coordinate.position(low) - 1)
        step = max(step, 0.0) if low >= 0 else step
    else:
        step = coordinate.value(coordinate.position(high) + 1)
        if coordinate.name in DECAYS and high < 1 <= step:
            step = (1 + high) / 2
        step = min(step, 1.0) if coordinate.name in SHARES and high <= 1 else step
    return f"{range_end(spoken(coordinate.name), end, kind)}, such as {step:.3g}"


def unresolved_reason(
    coordinate: Coordinate,
    tried: Tried,
    draws: Array,
    found: Findings,
    *,
    two_optima: bool = False,
) -> str | None:
    """Why the optimum of a hyperparameter is not resolved at a rung, and what to run; or None.

    Args:
        coordinate: The hyperparameter.
        tried: Its values at the rung.
        draws: Draws of its optimum there.
        found: What is found besides; added to.
        two_optima: Whether the runs show two optima.
    """
    name, values = spoken(coordinate.name), tried.values
    known = interval(draws, FLAT_CONFIDENCE).half_width
    low, high = coordinate.value(values[0]), coordinate.value(values[-1])
    if len(values) < FEWEST_VALUES:
        count = "a single" if len(values) == 1 else str(len(values))
        said = f"{count} {name}{'' if len(values) == 1 else 's'} finished"
        if tried.in_study < FEWEST_VALUES or known > FLAT:
            what = "it does" if len(values) == 1 else "they do"
            return f"{said}; {what} not bracket an optimum; run values on both sides"
        found.notes.append(f"{said}: the optimum is mostly that of the other rungs")
        return None
    if tried.equal:
        return f"every run has the same loss; check that the {name} reaches the runs"
    below, beyond = ((draws < values[0]).mean(), (draws > values[-1]).mean())
    if not tried.trend and not two_optima and max(below, beyond) > OUTSIDE:
        found.flat.add(coordinate.name)
        return (
            f"the loss does not change with the {name} by more than the noise of the runs; run "
            f"values farther out on both sides, or more seeds"
        )
    ends = ((below, "low"), (beyond, "high")) if tried.diverged is None else ((below, "low"),)
    end = next((end for share, end in ends if share > OUTSIDE), None)
    if low != 0 and tried.best is not None and end is not None and tried.inside(end):
        best = coordinate.value(tried.best)
        return (
            f"the best {name} that was run, {best:.3g}, is inside the range, but the other rungs "
            f"say that the optimum is beyond its {end} end; run it and its neighbors with another "
            f"seed"
        )
    if low != 0 and below > OUTSIDE:
        found.at_end[coordinate.name] = "low"
        return end_message(coordinate, "low", low, high)
    if beyond > OUTSIDE:
        if tried.diverged is None:
            found.at_end[coordinate.name] = "high"
            return end_message(coordinate, "high", low, high)
        above = coordinate.value((values[-1] + tried.diverged) / 2)
        found.notes.append(
            f"the best {name} is next to divergence; run one between, such as {above:.3g}"
        )
    if known > FLAT and two_optima:
        return f"the loss has more than one optimum in the {name}"
    if known > FLAT:
        found.flat.add(coordinate.name)
        unit = "octaves" if coordinate.octaves else "steps"
        return (
            f"the loss hardly changes with the {name}: its optimum is known to "
            f"±{known:.1f} {unit}; run values farther out"
        )
    return None
