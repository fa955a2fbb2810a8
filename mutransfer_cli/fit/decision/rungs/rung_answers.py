"""What the runs show about each rung: its optimum, or why it has none and what to run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from mutransfer_cli.fit.decision.rungs.beside_ends import held_at_end, unresolved_at
from mutransfer_cli.fit.decision.rungs.resolution import Findings, end_message
from mutransfer_cli.fit.decision.wording import spoken
from mutransfer_cli.fit.study.coordinates import Coordinate, setting_of_run
from mutransfer_cli.fit.study.rung_range import LeftRung
from mutransfer_cli.fit.study.size_axes import Sizes, rung_order, size_axes, sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation

Setting: TypeAlias = tuple[float, ...]


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
        flat: Hyperparameters that are not resolved, because the loss hardly changes with them.
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
    flat: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())

    @property
    def comparable(self) -> bool:
        """Whether its optimum is known but for hyperparameters with which the loss hardly changes.

        What these cost is then small, and known.
        """
        return self.optimum is not None and self.unresolved.keys() <= self.flat

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


def _fitted_rung(
    fitted: StudySurface, rung: int, sizes: Sizes, runs: Sequence[Observation]
) -> RungAnswer:
    """The answer of a rung of the surface."""
    counts, found = _counts(runs), Findings()
    coordinates = range(len(fitted.names))
    unresolved = unresolved_at(fitted, rung, runs, fitted.optimum_draws(sizes), coordinates, found)
    held = held_at_end(fitted, rung, found.at_end) if fitted.second is None else {}
    others = [j for j in coordinates if j not in held]
    if held and others:
        # The optimum of the others is known beside what is at its end, if not that of all at once
        ends = {fitted.names[j]: found.at_end[fitted.names[j]] for j in held}
        found = Findings(at_end=ends)
        kept = {name: why for name, why in unresolved.items() if name in ends}
        beside = fitted.beside(held, sizes)
        unresolved = kept | unresolved_at(fitted, rung, runs, beside, others, found)
    optimum: dict[str, Interval] | None = fitted.optimum(sizes, held)
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
        at_end=found.at_end,
        loss=lowest if optimum is None else fitted.loss(rung).value,
        points=counts.points,
        censored=counts.censored,
        pruned=counts.pruned,
        seeds=counts.seeds,
        flat=frozenset(found.flat),
        notes=tuple(found.notes),
    )


def unfinished_rung(observations: Sequence[Observation]) -> RungAnswer:
    """The answer of a rung where no run finished."""
    sizes = sizes_of(observations[0])
    return _left_rung(LeftRung(sizes, tuple(observations)), Coordinate("lr"))


def size_names(rungs: Sequence[RungAnswer]) -> tuple[str, ...]:
    """The sizes by which rungs differ; the first known one of a single rung."""
    return tuple(axis.name for axis in size_axes([answer.sizes for answer in rungs]))


def judged_rungs(rungs: Sequence[RungAnswer]) -> tuple[RungAnswer, ...]:
    """The rungs from the smallest on whose optimum is known.

    Smaller ones are left out only where two rungs or more remain, and the largest has an optimum.

    Args:
        rungs: All rungs, from the cheapest trial to the most expensive.
    """
    first = next((i for i, answer in enumerate(rungs) if answer.comparable), 0)
    remaining = tuple(rungs[first:])
    decides = len(remaining) > 1 and remaining[-1].comparable
    return remaining if decides else tuple(rungs)


def source_rung(rungs: Sequence[RungAnswer]) -> RungAnswer | None:
    """The largest rung where any optimum is known.

    A smaller one where all are known is no stand-in: the others' optima move with the size.
    """
    return next((answer for answer in reversed(rungs) if answer.optimum is not None), None)
