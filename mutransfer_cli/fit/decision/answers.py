"""Every answer of a study: rungs, choice, costs of the transfer and verdicts."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mutransfer_cli.fit.decision.assumed_rules import AssumedRule, TransferRules, assumed_rules
from mutransfer_cli.fit.decision.lowest_regret import Choice, choose
from mutransfer_cli.fit.decision.next_runs import next_runs, short_ladder
from mutransfer_cli.fit.decision.rung_answers import RungAnswer, rung_answers, unfinished_rung
from mutransfer_cli.fit.decision.transfer import (
    TOLERANCE,
    TransferCost,
    Verdict,
    verdict_on_drift,
    verdict_on_transfer,
    worst,
)
from mutransfer_cli.fit.decision.wording import size_text
from mutransfer_cli.fit.study.axis_line import along_axis
from mutransfer_cli.fit.study.complete_rows import IgnoredRuns
from mutransfer_cli.fit.study.size_axes import SAME, Sizes, rung_order, size_axes, sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface, study_surface
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.surface.observation import Observation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """What a study is asked.

    Attributes:
        confidence: Confidence level of all intervals, between 0 and 1.
        tolerance: Relative extra loss up to which a transfer holds.
        target: From the sizes of all rungs to those of the target; None where there is none.
        axis: The size along which only one line of rungs is used; None: all rungs.
        spaces: The spaces that were searched, by hyperparameter, where they are known.
        rules: The rules by which runs and target are scaled.
        untrained: The loss of the untrained model, if it is known.
    """

    confidence: float = 0.95
    tolerance: float = TOLERANCE
    target: Callable[[Sequence[Sizes]], Sizes | None] = lambda rungs: None
    axis: str | None = None
    spaces: Mapping[str, Space] | None = None
    rules: TransferRules = field(default_factory=TransferRules)
    untrained: float | None = None


@dataclass(frozen=True)
class Answers:
    """What a study answers.

    Attributes:
        question: What it was asked.
        fitted: The response surface; None if no run finished.
        rungs: All rungs, from the cheapest trial to the most expensive.
        target: The target, if one was named.
        choice: The hyperparameters to use; None if no rung has an optimum.
        costs: What the smallest rung's optimum costs at the largest rung and at the target.
        verdict: Whether it transfers at the tolerated cost.
        reason: Why, and what to run where that is not shown.
        drift_verdict: Whether the optimum of the learning rate stays where it is.
        assumed: Rules that the choice rests on and no rung tests.
        notes: Caveats.
        ignored: Runs that were not used.
    """

    question: Question
    fitted: StudySurface | None
    rungs: tuple[RungAnswer, ...]
    target: Sizes | None
    choice: Choice | None
    costs: tuple[TransferCost, ...]
    verdict: Verdict
    reason: str
    drift_verdict: Verdict
    assumed: tuple[AssumedRule, ...]
    notes: tuple[str, ...]
    ignored: tuple[IgnoredRuns, ...] = ()

    @property
    def source(self) -> RungAnswer | None:
        """The largest rung that has an optimum inside its range."""
        return source_rung(self.rungs)

    @property
    def axes(self) -> tuple[str, ...]:
        """The sizes by which rungs differ."""
        return size_names(self.rungs)


def size_names(rungs: Sequence[RungAnswer]) -> tuple[str, ...]:
    """The sizes by which rungs differ; the first known one of a single rung."""
    return tuple(axis.name for axis in size_axes([answer.sizes for answer in rungs]))


def source_rung(rungs: Sequence[RungAnswer]) -> RungAnswer | None:
    """The largest rung where every optimum is known, else the largest where any is."""
    known = [answer for answer in rungs if answer.optimum is not None]
    complete = [answer for answer in known if answer.resolved]
    return complete[-1] if complete else known[-1] if known else None


def answer(observations: Sequence[Observation], question: Question) -> Answers:
    """Answer everything about a study.

    Args:
        observations: All runs, at least one.
        question: What is asked.

    Raises:
        InputError: The target has no size along an axis on which the runs differ.
    """
    left: Sequence[IgnoredRuns] = ()
    if question.axis is not None:
        observations, left = along_axis(observations, question.axis)
    if not any(o.loss is not None for o in observations if not o.pruned):
        return _nothing_finished(observations, question)
    fitted = study_surface(
        observations,
        spaces=question.spaces,
        confidence=question.confidence,
        untrained=question.untrained,
    )
    rungs = rung_answers(fitted, observations)
    target = question.target([rung.sizes for rung in rungs])
    source = source_rung(rungs)
    choice: Choice | None = None
    costs: tuple[TransferCost, ...] = ()
    assumed: tuple[AssumedRule, ...] = ()
    if source is not None:
        choice = _choice(fitted, rungs, target, source)
        costs = _costs(fitted, rungs, target)
        if target is not None:
            lr = choice.hyperparameters["lr"]
            assumed = assumed_rules(fitted.study, target, lr, question.rules)
    verdict, reason = _verdict(fitted, rungs, costs, target, question.tolerance)
    return Answers(
        question=question,
        fitted=fitted,
        rungs=rungs,
        target=target,
        choice=choice,
        costs=costs,
        verdict=verdict,
        reason=reason,
        drift_verdict=_drift_verdict(fitted),
        assumed=assumed,
        notes=_notes(choice, assumed),
        ignored=(*left, *fitted.study.ignored),
    )


def _nothing_finished(observations: Sequence[Observation], question: Question) -> Answers:
    """The answers of a study in which no run finished."""
    by_rung: dict[tuple[tuple[str, float], ...], list[Observation]] = defaultdict(list)
    for o in observations:
        by_rung[tuple(sizes_of(o).items())].append(o)
    rungs = sorted(
        (unfinished_rung(runs) for runs in by_rung.values()), key=lambda r: rung_order(r.sizes)
    )
    return Answers(
        question=question,
        fitted=None,
        rungs=tuple(rungs),
        target=None,
        choice=None,
        costs=(),
        verdict="inconclusive",
        reason=_no_optimum(rungs),
        drift_verdict="inconclusive",
        assumed=(),
        notes=(),
    )


def _no_optimum(rungs: Sequence[RungAnswer]) -> str:
    """Says why no rung has an optimum."""
    names = size_names(rungs)
    notes = "; ".join(f"{size_text(r.sizes, names)}: {r.note}" for r in rungs if r.note)
    return f"no rung has an optimum inside its range ({notes})"


def _choice(
    fitted: StudySurface,
    rungs: Sequence[RungAnswer],
    target: Sizes | None,
    source: RungAnswer,
) -> Choice:
    """The choice at the target, or at the largest rung that has an optimum.

    Args:
        fitted: The surface.
        rungs: All rungs.
        target: The target, if one is named.
        source: The largest rung that has an optimum.
    """
    open_ends = {name for name in fitted.names if all(name in r.unresolved for r in rungs)} | set(
        source.unresolved
    )
    return choose(
        fitted,
        source.sizes if target is None else target,
        unresolved=frozenset(open_ends),
        at_end=source.at_end,
    )  # fmt: skip


def _costs(
    fitted: StudySurface, rungs: Sequence[RungAnswer], target: Sizes | None
) -> tuple[TransferCost, ...]:
    """The costs of the smallest rung's optimum, where smallest and largest are in the fit."""
    fitted_sizes = [dict(sizes) for sizes in fitted.study.rungs]
    smallest, largest = rungs[0].sizes, rungs[-1].sizes
    names = size_names(rungs)
    costs = []
    if dict(smallest) not in fitted_sizes:
        return ()
    if len(rungs) > 1 and dict(largest) in fitted_sizes:
        cost = fitted.transfer_regret(smallest, largest)
        costs.append(TransferCost(size_text(largest, names), cost))
    if target is not None:
        there = fitted.study.full(target)
        distance = abs(fitted.study.size(there) - fitted.study.size(largest)).max()
        if distance > SAME:
            cost = fitted.transfer_regret(smallest, there)
            where = f"the target ({size_text(there, names)})"
            costs.append(TransferCost(where, cost, predicted=True))
    return tuple(costs)


def _verdict(
    fitted: StudySurface,
    rungs: Sequence[RungAnswer],
    costs: Sequence[TransferCost],
    target: Sizes | None,
    tolerance: float,
) -> tuple[Verdict, str]:
    """The verdict on the cost of the transfer, and the reason.

    Args:
        fitted: The surface.
        rungs: All rungs.
        costs: The costs at the largest rung and at the target.
        target: The target, if one is named.
        tolerance: Largest cost at which a transfer holds.
    """
    obstacle = _obstacle(fitted, rungs)
    if obstacle is not None:
        return "inconclusive", obstacle
    verdict, reason = verdict_on_transfer(costs, tolerance)
    if verdict == "inconclusive":
        reason = f"{reason}; {next_runs(fitted, rungs, costs, target, tolerance)}"
    return verdict, reason


def _obstacle(fitted: StudySurface, rungs: Sequence[RungAnswer]) -> str | None:
    """Why there can be no verdict on the cost, and what to run; None if there can be one."""
    names = size_names(rungs)
    if all(r.optimum is None for r in rungs):
        return _no_optimum(rungs)
    if len(rungs) == 1:
        return f"an optimum at one {names[0]} only; add a {names[0]} to the ladder"
    ends = {id(r): r for r in (rungs[0], rungs[-1])}.values()
    unknown = [f"{size_text(r.sizes, names)}: {r.note}" for r in ends if not r.resolved]
    if unknown:
        return "the transfer cannot be judged, because at " + "; at ".join(unknown)
    return short_ladder(fitted)


def _drift_verdict(fitted: StudySurface) -> Verdict:
    """The verdict on the drift of the learning rate (else of the first hyperparameter)."""
    if len(fitted.study.rungs) < 2:
        return "inconclusive"
    name = "lr" if "lr" in fitted.names else fitted.names[0]
    drifts = [fitted.drift(axis.name)[name] for axis in fitted.study.axes]
    return worst([verdict_on_drift(drift) for drift in drifts])


def _notes(choice: Choice | None, assumed: Sequence[AssumedRule]) -> tuple[str, ...]:
    """Caveats about the choice."""
    if choice is None:
        return ()
    notes = []
    if choice.unsupported is not None:
        notes.append(f"no interval for the optimum there: {choice.unsupported}")
    for rule in assumed:
        rivals = ", ".join(f"{name}: lr {value:.4g}" for name, value in rule.rivals.items())
        text = f"no rung differs in {rule.axis}; assumed: {rule.rule} (source: {rule.source})"
        if rivals:
            text += f"; rival rules: {rivals}"
        notes.append(f"{text}; to settle it, run {rule.settle}")
    return tuple(notes)
