"""Hyperparameters that were searched one at a time: each has an answer on its own line of runs.

Such a search (`sampler: independent`) shows how the loss depends on each hyperparameter beside
single values of the others. Where all of them are best at once it does not show, and a surface
over all of them may leave even the learning rate open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from mutransfer_cli.fit.decision.answers import Answers, Question
from mutransfer_cli.fit.decision.rungs.resolution import FEWEST_VALUES
from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer
from mutransfer_cli.fit.decision.wording import size_text, spoken
from mutransfer_cli.fit.study.complete_rows import IgnoredRuns
from mutransfer_cli.fit.study.coordinates import setting_of_run
from mutransfer_cli.fit.study.size_axes import rung_order, size_axes, sizes_of
from mutransfer_cli.interval import number
from mutransfer_cli.surface.observation import Observation

TUNED = "lr"


def answer_by_lines(
    observations: Sequence[Observation],
    rungs: Sequence[RungAnswer],
    question: Question,
    answer: Callable[[Sequence[Observation], Question], Answers],
) -> Answers | None:
    """The answers on the line of the learning rate, with notes on the lines of the others.

    None where the surface over all hyperparameters resolves the learning rate at some rung, where
    the largest rung has several values of another one, where all runs are on the line, or where the
    line shows no optimum either.

    Args:
        observations: All runs that were used.
        rungs: What the surface over all hyperparameters answers.
        question: What is asked.
        answer: Answers a question about some of the runs.
    """
    if not all(TUNED in rung.unresolved for rung in rungs):
        return None
    beside = _values_at_the_largest(observations)
    if not beside:
        return None
    line = [o for o in observations if _others(o, TUNED) == beside]
    if len({o.lr for o in line}) < FEWEST_VALUES or len(line) == len(observations):
        return None
    found = answer(line, question)
    if found.choice is None:
        return None
    alone = replace(question, target=lambda rungs: None)
    notes = [
        note
        for name, value in beside.items()
        if (note := _line_note(observations, name, value, alone, answer))
    ]
    left = len(observations) - len(line)
    values = ", ".join(f"{name} {value:.4g}" for name, value in beside.items())
    ignored = [IgnoredRuns(left, f"not at {values}, beside which the learning rate is answered")]
    return replace(
        found,
        notes=(*found.notes, *notes),
        ignored=(*found.ignored, *(ignored if left else [])),
    )


def _others(observation: Observation, name: str) -> dict[str, float]:
    """The hyperparameters of a run but one."""
    return {n: value for n, value in setting_of_run(observation).items() if n != name}


def _values_at_the_largest(observations: Sequence[Observation]) -> dict[str, float] | None:
    """The values beside the learning rate at the largest rung; None where it has several."""
    largest = max((sizes_of(o) for o in observations), key=rung_order)
    settings = [_others(o, TUNED) for o in observations if sizes_of(o) == largest]
    same = all(setting == settings[0] for setting in settings)
    return settings[0] if same else None


def _line_note(
    observations: Sequence[Observation],
    name: str,
    value: float,
    question: Question,
    answer: Callable[[Sequence[Observation], Question], Answers],
) -> str | None:
    """What the runs say that differ in one hyperparameter alone; None where there is no line.

    Args:
        observations: All runs.
        name: The hyperparameter.
        value: Its value on the line of the learning rate.
        question: What is asked, without a target.
        answer: Answers a question about some of the runs.
    """
    lines: dict[tuple[float, ...], list[Observation]] = defaultdict(list)
    for o in observations:
        lines[(*sizes_of(o).values(), *_others(o, name).values())].append(o)
    line = max(lines.values(), key=lambda runs: len({setting_of_run(o)[name] for o in runs}))
    if len({setting_of_run(o)[name] for o in line}) < FEWEST_VALUES:
        return None
    (rung,) = answer(line, question).rungs
    names = [axis.name for axis in size_axes([sizes_of(o) for o in observations])]
    where = size_text(rung.sizes, names)
    beside = ", ".join(f"{n} {x:.4g}" for n, x in _others(line[0], name).items())
    if rung.optimum is not None and name not in rung.unresolved:
        best = rung.optimum[name]
        said = f"its optimum is {best.value:.4g} ({best.low:.4g} to {best.high:.4g})"
    else:
        said = rung.unresolved[name]
    return (
        f"{spoken(name)} {number(value)} is that of the larger rungs; at {where}, {beside}: {said}"
    )
