"""What the runs show about each rung: its optimum, or why it has none and what to run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from mutransfer_cli.fit.decision.wording import spoken
from mutransfer_cli.fit.study.coordinates import Coordinate, setting_of_run
from mutransfer_cli.fit.study.rung_range import LeftRung, falling_to_an_end
from mutransfer_cli.fit.study.size_axes import Sizes, rung_order, sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import interval

Setting: TypeAlias = tuple[float, ...]

OUTSIDE = 0.2  # share of the draws beyond the tried values above which the optimum is outside
FLAT = 1.5  # octaves; an optimum known less well is not resolved
FLAT_CONFIDENCE = 0.9
FEWEST_VALUES = 3  # of a hyperparameter that can bracket an optimum


@dataclass(frozen=True)
class RungAnswer:
    """One rung.

    Attributes:
        sizes: Its sizes.
        optimum: By hyperparameter; without bounds where it is not resolved; None if none is.
        unresolved: By hyperparameter that is not resolved, why, and what to run.
        at_end: By hyperparameter, the end of the tried values at which the loss is lowest.
        loss: Loss at the optimum; without one, the lowest; None if no run finished.
        points: Settings at which every seed finished.
        censored: Settings at which a seed diverged.
        pruned: Settings at which a seed was pruned and none diverged.
        seeds: Largest number of seeds at one setting.
        notes: Caveats about resolved optima.
    """

    sizes: Sizes
    optimum: dict[str, Interval] | None
    unresolved: Mapping[str, str]
    at_end: Mapping[str, str]
    loss: float | None
    points: int
    censored: int
    pruned: int
    seeds: int
    notes: tuple[str, ...] = field(default=())

    @property
    def resolved(self) -> bool:
        """Whether the optimum of every hyperparameter is known."""
        return self.optimum is not None and not self.unresolved

    @property
    def note(self) -> str | None:
        """Everything that is to be said about the rung."""
        return "; ".join([*dict.fromkeys(self.unresolved.values()), *self.notes]) or None


def rung_answers(
    fitted: StudySurface, observations: Sequence[Observation]
) -> tuple[RungAnswer, ...]:
    """The answer of every rung, from the cheapest trial to the most expensive.

    Args:
        fitted: The surface.
        observations: All runs, pruned ones included.
    """
    study = fitted.study
    pruned = [o for o in observations if o.pruned]
    answers = []
    for r, sizes in enumerate(study.rungs):
        rows = np.flatnonzero(study.runs.rung == r)
        runs = [study.observations[i] for i in rows]
        answers.append(_fitted_rung(fitted, r, sizes, [*runs, *_at(pruned, runs[0])]))
    answers += [_left_rung(rung, study.hyperparameters.coordinates[0])
                for rung in (*study.unfinished_rungs, *study.open_rungs)]  # fmt: skip
    return tuple(sorted(answers, key=lambda answer: rung_order(answer.sizes)))


def _at(observations: Sequence[Observation], other: Observation) -> list[Observation]:
    """The runs at the sizes of another run."""
    return [
        o
        for o in observations
        if (o.width, o.depth, o.batch, o.steps) == (other.width, other.depth, other.batch,
                                                    other.steps)
        and o.further_sizes == other.further_sizes
    ]  # fmt: skip


@dataclass(frozen=True)
class _Counts:
    points: int
    censored: int
    pruned: int
    seeds: int


def _counts(runs: Sequence[Observation]) -> _Counts:
    """How many settings finished, diverged and were pruned."""
    by_setting: dict[Setting, list[Observation]] = defaultdict(list)
    for o in runs:
        by_setting[tuple(setting_of_run(o).values())].append(o)
    diverged = {
        s for s, os in by_setting.items() if any(o.loss is None and not o.pruned for o in os)
    }
    pruned = {s for s, os in by_setting.items() if any(o.pruned for o in os)} - diverged
    return _Counts(
        points=len(by_setting) - len(diverged) - len(pruned),
        censored=len(diverged),
        pruned=len(pruned),
        seeds=max(len({o.seed for o in os}) for os in by_setting.values()),
    )


def _left_rung(rung: LeftRung, coordinate: Coordinate) -> RungAnswer:
    """The answer of a rung that is not part of the fit."""
    counts, name = _counts(rung.observations), coordinate.name
    losses = [o.loss for o in rung.observations if o.loss is not None]
    values = [setting_of_run(o)[name] for o in rung.observations]
    if rung.end is None:
        why = f"no run finished; run a lower {spoken(name)} than {min(values):.3g}"
        ends: dict[str, str] = {}
    else:
        why = end_message(coordinate, rung.end, min(values), max(values))
        ends = {name: rung.end}
    return RungAnswer(
        sizes=rung.sizes,
        optimum=None,
        unresolved={name: why},
        at_end=ends,
        loss=min(losses, default=None),
        points=counts.points,
        censored=counts.censored,
        pruned=counts.pruned,
        seeds=counts.seeds,
    )


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
        advice = f"run lower ones, such as {step:.3g}"
        if low == 0:
            advice = "nothing lower can be run"
    else:
        step = coordinate.value(coordinate.position(high) + 1)
        advice = f"run higher ones, such as {step:.3g}"
    return f"the best {spoken(coordinate.name)} is at the {end} end of the {kind}; {advice}"


def _fitted_rung(
    fitted: StudySurface, rung: int, sizes: Sizes, runs: Sequence[Observation]
) -> RungAnswer:
    """The answer of a rung of the surface."""
    counts = _counts(runs)
    unresolved: dict[str, str] = {}
    at_end: dict[str, str] = {}
    notes: list[str] = []
    draws = fitted.optimum_draws(sizes)
    for j, coordinate in enumerate(fitted.study.hyperparameters.coordinates):
        tried = _Tried.of(fitted, rung, j)
        why = _unresolved(coordinate, tried, draws[:, j], at_end, notes)
        end = falling_to_an_end(runs, coordinate.name) if len(fitted.names) == 1 else None
        if end is not None and why is None:
            low, high = (coordinate.value(tried.values[i]) for i in (0, -1))
            why, at_end[coordinate.name] = end_message(coordinate, end, low, high), end
        if why is not None:
            unresolved[coordinate.name] = why
    optimum: dict[str, Interval] | None = fitted.optimum(sizes)
    assert optimum is not None
    for name in unresolved:
        optimum[name] = Interval(value=optimum[name].value)
    optimum |= {n: Interval(value=c.value) for n, c in fitted.study.categories.items()}
    lowest = min(o.loss for o in runs if o.loss is not None)
    if len(unresolved) == len(fitted.names):
        optimum = None
    return RungAnswer(
        sizes=sizes,
        optimum=optimum,
        unresolved=unresolved,
        at_end=at_end,
        loss=lowest if optimum is None else fitted.loss(rung).value,
        points=counts.points,
        censored=counts.censored,
        pruned=counts.pruned,
        seeds=counts.seeds,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Tried:
    """The coordinates of one hyperparameter at one rung.

    Attributes:
        values: Distinct coordinates of runs that finished, ascending.
        diverged: The lowest coordinate of runs that diverged above all of these; None: none did.
    """

    values: tuple[float, ...]
    diverged: float | None

    @classmethod
    def of(cls, fitted: StudySurface, rung: int, j: int) -> _Tried:
        runs = fitted.study.runs
        column = runs.settings[runs.rung == rung, j]
        lost = runs.diverged[runs.rung == rung]
        values = tuple(np.unique(column[~lost]).tolist())
        above = [float(x) for x in column[lost] if x > values[-1]]
        return cls(values, min(above, default=None))


def _unresolved(
    coordinate: Coordinate,
    tried: _Tried,
    draws: np.ndarray[tuple[int], np.dtype[np.float64]],
    at_end: dict[str, str],
    notes: list[str],
) -> str | None:
    """Why the optimum of a hyperparameter is not resolved at a rung, and what to run; or None.

    Args:
        coordinate: The hyperparameter.
        tried: Its values at the rung.
        draws: Draws of its optimum there.
        at_end: Ends at which a hyperparameter is best; added to.
        notes: Caveats; added to.
    """
    name, values = spoken(coordinate.name), tried.values
    known = interval(draws, FLAT_CONFIDENCE).half_width
    low, high = coordinate.value(values[0]), coordinate.value(values[-1])
    if len(values) < FEWEST_VALUES:
        count = "a single" if len(values) == 1 else str(len(values))
        said = f"{count} {name}{'' if len(values) == 1 else 's'} finished"
        if known > FLAT:
            return f"{said}, which do not bracket an optimum; run values on both sides"
        notes.append(f"{said}: the optimum is mostly that of the other rungs")
        return None
    if (draws < values[0]).mean() > OUTSIDE:
        at_end[coordinate.name] = "low"
        return end_message(coordinate, "low", low, high)
    if (draws > values[-1]).mean() > OUTSIDE:
        if tried.diverged is None:
            at_end[coordinate.name] = "high"
            return end_message(coordinate, "high", low, high)
        above = coordinate.value((values[-1] + tried.diverged) / 2)
        notes.append(f"the best {name} is next to divergence; run one between, such as {above:.3g}")
    if known > FLAT:
        unit = "octaves" if coordinate.octaves else "steps"
        return (
            f"the loss hardly changes with the {name}: its optimum is known to "
            f"±{known:.1f} {unit}; run values farther out"
        )
    return None


def unfinished_rung(observations: Sequence[Observation]) -> RungAnswer:
    """The answer of a rung where no run finished."""
    sizes = sizes_of(observations[0])
    return _left_rung(LeftRung(sizes, tuple(observations)), Coordinate("lr"))
