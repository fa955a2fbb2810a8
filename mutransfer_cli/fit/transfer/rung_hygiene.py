"""What spoils a ladder without a single run failing: rungs that cannot be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer
from mutransfer_cli.fit.decision.wording import size_text, spoken
from mutransfer_cli.fit.study.size_axes import size_axes, sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.columns.hyperparameter_columns import CHOICES
from mutransfer_cli.fit.tables.columns.known_names import HYPERPARAMETERS
from mutransfer_cli.fit.tables.content.understanding import Understanding
from mutransfer_cli.interval import Interval, number
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import interval
from mutransfer_cli.surface.response.runs import Array
from mutransfer_cli.surface.transfer.rung_scatter import rung_scatter

CHOSEN = HYPERPARAMETERS.keys() | CHOICES  # keys of columns that somebody sets, sizes aside
FEWEST_DECAY_STEPS = 100  # of a rung whose loss has settled after its decay (assumption)
LONGER = 2.0  # a ladder whose steps differ by this factor compares short runs with long ones
LESS_TUNED = 0.5  # settings per octave relative to the largest rung
NOISIER = 3.0  # scatter relative to the median of the other rungs
FEWEST_RUNS = 6  # near the optimum of a rung whose scatter can be judged
# Three standard deviations of the priors of a rung's curvature and of its optimum off the line
STEEPER = 0.45  # log curvature
OFF_LINE = 0.2  # octaves


def undercooled_note(recipe: Recipe, observations: Sequence[Observation]) -> str | None:
    """A decay of a fixed share of the steps that is very short on the shortest rung.

    The loss at the end then holds noise that longer runs have annealed away, and the difference
    looks like an effect of the size.

    Args:
        recipe: The recipe of the runs.
        observations: The runs.
    """
    schedule = recipe.schedule
    steps = {o.steps for o in observations if o.steps is not None}
    if schedule.name != "wsd" or not steps or max(steps) < LONGER * min(steps):
        return None
    shortest = schedule.decay * min(steps)
    if shortest >= FEWEST_DECAY_STEPS:
        return None
    return (
        f"schedule.decay {schedule.decay:g} is a fixed share: the rungs of {min(steps)} steps "
        f"decay over {shortest:.0f} steps, those of {max(steps)} over "
        f"{schedule.decay * max(steps):.0f}; the short ones may end undercooled. Use a linear "
        "schedule, or a decay of at least "
        f"{FEWEST_DECAY_STEPS} steps everywhere"
    )


def confounded_notes(observations: Sequence[Observation]) -> list[str]:
    """Hyperparameters with one value on each rung that differs between rungs.

    Args:
        observations: The runs.
    """
    axes = size_axes([sizes_of(o) for o in observations])
    names = sorted({name for o in observations for name in o.params})
    notes = []
    for name in names:
        values: dict[str, set[float]] = defaultdict(set)
        for o in observations:
            if name in o.params:
                values[size_text(sizes_of(o), [a.name for a in axes])].add(o.params[name])
        if len(values) < 2 or any(len(v) > 1 for v in values.values()):
            continue
        if len(set.union(*values.values())) > 1:
            shown = ", ".join(f"{min(v):g} at {size}" for size, v in list(values.items())[:4])
            notes.append(
                f"{name} differs between rungs and not inside them ({shown}): its effect cannot "
                "be told from that of the size; use one value, or vary it on every rung"
            )
    return notes


def column_notes(read: Understanding | None) -> list[str]:
    """Hyperparameters of a table that were ignored because they follow from the sizes.

    Args:
        read: What was understood of the table; None for a run.
    """
    if read is None:
        return []
    return [
        f"{c.name} {c.reason}, so that its effect cannot be told from that of the size; use one "
        "value, or vary it on every rung"
        for c in read.columns
        if c.reason.startswith("follows from") and column_name(c.name).key in CHOSEN
    ]


def tuning_notes(fitted: StudySurface, rungs: Sequence[RungAnswer]) -> list[str]:
    """Small rungs that are tuned less than the largest one.

    Laws from small models fail for that reason more often than for their size (Lourie and others,
    arXiv 2608.11859).

    Args:
        fitted: The surface.
        rungs: All rungs, from the cheapest trial to the most expensive.
    """
    names = [axis.name for axis in fitted.study.axes]
    order = fitted.study.ordered
    density = {r: settings_per_octave(fitted, r) for r in order}
    notes = []
    for r in order[:-1]:
        if density[r] < LESS_TUNED * density[order[-1]]:
            notes.append(
                f"{size_text(fitted.study.rungs[r], names)} is tuned less than the largest rung: "
                f"{density[r]:.2g} settings per octave of each hyperparameter, against "
                f"{density[order[-1]]:.2g}; its loss and its optimum count for less than they seem"
            )
    if len(rungs) > 1 and not rungs[-1].at_end:
        for answer in rungs[:-1]:
            for name, end in answer.at_end.items():
                notes.append(
                    f"{size_text(answer.sizes, names)} is best at the {end} end of its "
                    f"{spoken(name)}, the largest rung is not: extend the small one's range"
                )
    return notes


def settings_per_octave(fitted: StudySurface, rung: int) -> float:
    """Settings of a rung per octave of each hyperparameter: the p-th root of their density.

    Args:
        fitted: The surface.
        rung: Index of the rung.
    """
    settings = fitted.study.runs.settings[fitted.study.runs.rung == rung].round(6)
    spans = np.maximum(np.ptp(settings, axis=0), 1.0)
    distinct = len(np.unique(settings, axis=0))
    return float((distinct / np.prod(spans)) ** (1 / settings.shape[1]))


def unlike_notes(fitted: StudySurface) -> list[str]:
    """Rungs whose noise, shape or optimum leaves what the others have in common.

    Args:
        fitted: The surface.
    """
    if len(fitted.study.rungs) < 3:
        return []
    names = [axis.name for axis in fitted.study.axes]
    scatter = rung_scatter(fitted.surface, FEWEST_RUNS)
    notes = []
    for r in fitted.study.ordered:
        where = size_text(fitted.study.rungs[r], names)
        notes += [f"{where} {what}" for what in _unlike(fitted, r, scatter)]
    return notes


def _unlike(fitted: StudySurface, r: int, scatter: Array) -> list[str]:
    """How one rung differs from the others, given the scatter of all rungs."""
    draws = fitted.surface.draws
    found = []
    others = np.delete(scatter, r)
    usual = float(np.median(others[np.isfinite(others)])) if np.isfinite(others).any() else np.inf
    if scatter[r] > NOISIER * usual:
        found.append(
            f"scatters {scatter[r] / usual:.2g} times as far about the common surface as the other "
            "rungs: more noise, which more seeds average out, or a curve of another shape"
        )
    steeper = interval(draws.unevenness[:, r], fitted.confidence)
    if _apart(steeper, STEEPER):
        found.append(
            f"has {number(float(np.exp(steeper.value)))} times the curvature that the other rungs "
            "lead to expect: look for what differs there besides the size"
        )
    for j, name in enumerate(fitted.names):
        off = interval(draws.departure[:, r, j], fitted.confidence)
        if _apart(off, OFF_LINE):
            found.append(
                f"has its optimal {spoken(name)} {off.value:+.2f} octaves off the line through the "
                "other rungs: look for what differs there besides the size"
            )
    return found


def _apart(found: Interval, least: float) -> bool:
    """Whether an interval excludes zero and its value is at least so far from it."""
    if found.low is None or found.high is None:
        return False
    return not found.low <= 0 <= found.high and abs(found.value) >= least


def hygiene_notes(fitted: StudySurface | None, rungs: Sequence[RungAnswer]) -> tuple[str, ...]:
    """All notes that the runs alone give.

    Args:
        fitted: The surface; None if no run finished.
        rungs: All rungs, from the cheapest trial to the most expensive.
    """
    if fitted is None:
        return ()
    return (*tuning_notes(fitted, rungs), *unlike_notes(fitted))
