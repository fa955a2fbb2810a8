"""Answers everything about a study: rungs, choice, costs of the transfer and verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from mutransfer_cli.fit.decision.answers import Answers, Question
from mutransfer_cli.fit.decision.assumed_rules import AssumedRule, assumed_rules
from mutransfer_cli.fit.decision.caveats import (
    axis_notes,
    choice_notes,
    decay_notes,
    outlier_notes,
    scale_notes,
)
from mutransfer_cli.fit.decision.lowest_regret import Choice, choose
from mutransfer_cli.fit.decision.obstacles import (
    drift_verdict,
    left_out_notes,
    no_optimum,
    study_verdict,
    target_verdict,
    transfer_costs,
)
from mutransfer_cli.fit.decision.rungs.far_ends import far_ends, with_far_ends
from mutransfer_cli.fit.decision.rungs.rung_answers import (
    RungAnswer,
    rung_answers,
    source_rung,
    unfinished_rung,
)
from mutransfer_cli.fit.decision.separate_lines import answer_by_lines
from mutransfer_cli.fit.decision.transfer import TransferCost
from mutransfer_cli.fit.study.axis_line import along_axis
from mutransfer_cli.fit.study.complete_rows import IgnoredRuns
from mutransfer_cli.fit.study.size_axes import Sizes, rung_order, sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.study.surface_fit import study_surface
from mutransfer_cli.surface.observation import Observation


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
    surface = partial(
        study_surface,
        observations,
        spaces=question.spaces,
        confidence=question.confidence,
        untrained=question.untrained,
        limits=question.rules.limits,
    )
    fitted = surface()
    rungs = rung_answers(fitted, observations)
    ends = far_ends(fitted, rungs)
    if ends:
        fitted = surface(held=ends)
        rungs = with_far_ends(rung_answers(fitted, observations), rungs, ends)
    by_lines = answer_by_lines(fitted.study.observations, rungs, question, answer)
    if by_lines is not None:
        return replace(by_lines, ignored=(*left, *fitted.study.ignored, *by_lines.ignored))
    target = question.target([rung.sizes for rung in rungs])
    source = source_rung(rungs)
    choice: Choice | None = None
    costs: tuple[TransferCost, ...] = ()
    assumed: tuple[AssumedRule, ...] = ()
    if source is not None:
        choice = _choice(fitted, rungs, target, source)
        costs = transfer_costs(fitted, rungs, target)
        if target is not None:
            lr = choice.hyperparameters["lr"]
            assumed = assumed_rules(fitted.study, target, lr, question.rules)
    there = target_verdict(
        fitted, rungs, costs, target, question.tolerance, judged=question.judge_target
    )
    judged = [c for c in costs if not c.predicted or (there is not None and there.counted)]
    verdict, reason = study_verdict(fitted, rungs, judged, target, question.tolerance)
    return Answers(
        question=question,
        fitted=fitted,
        rungs=rungs,
        target=target,
        choice=choice,
        costs=tuple(judged),
        verdict=verdict,
        reason=reason,
        drift_verdict=drift_verdict(fitted, rungs),
        target_verdict=there,
        assumed=assumed,
        notes=(
            *choice_notes(choice, assumed),
            *scale_notes(fitted),
            *decay_notes(fitted),
            *axis_notes(fitted),
            *outlier_notes(fitted),
            *left_out_notes(rungs),
        ),
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
        reason=no_optimum(rungs),
        drift_verdict="inconclusive",
        assumed=(),
        notes=(),
    )


def _choice(
    fitted: StudySurface,
    rungs: Sequence[RungAnswer],
    target: Sizes | None,
    source: RungAnswer,
) -> Choice:
    """The choice at the target, or at the largest rung that has an optimum.

    A hyperparameter whose best value is at an end of the range stays there, but for a target where
    other rungs say how its optimum moves.

    Args:
        fitted: The surface.
        rungs: All rungs.
        target: The target, if one is named.
        source: The largest rung that has an optimum.
    """
    names = (*fitted.names, *fitted.study.categories)
    nowhere = {name for name in names if all(name in r.unresolved for r in rungs)}
    open_ends = nowhere if target is not None else nowhere | set(source.unresolved)
    return choose(
        fitted,
        source.sizes if target is None else target,
        unresolved=frozenset(open_ends),
        at_end={name: end for name, end in source.at_end.items() if name in open_ends},
    )
