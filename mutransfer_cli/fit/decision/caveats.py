"""Caveats that belong to the answers of a study."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from mutransfer_cli.fit.decision.assumed_rules import AssumedRule
from mutransfer_cli.fit.decision.lowest_regret import Choice
from mutransfer_cli.fit.decision.wording import percent, size_text
from mutransfer_cli.fit.study.coordinates import setting_of_run
from mutransfer_cli.fit.study.size_axes import sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface

PROPORTIONAL = 0.02  # least spread of the rungs across their line, relative to that along it


def outlier_notes(fitted: StudySurface) -> list[str]:
    """Names the runs that were left out as outliers, and counts those that exploded."""
    names = [axis.name for axis in fitted.study.axes]
    notes = []
    count = fitted.study.exploded
    if count:
        counted = "1 run counts" if count == 1 else f"{count} runs count"
        notes.append(
            f"{counted} as diverged: the loss jumps to more than twice the best of the rung"
        )
    for o in fitted.outliers:
        setting = ", ".join(f"{name} {value:.4g}" for name, value in setting_of_run(o).items())
        notes.append(
            f"outlier left out: loss {o.loss:.4g} at {size_text(sizes_of(o), names)}, {setting}, "
            f"seed {o.seed}; the other runs contradict it (a run that crashed early?)"
        )
    return notes


def scale_notes(fitted: StudySurface) -> list[str]:
    """Says what costs are relative to where losses are not positive."""
    scale = fitted.study.scale
    if scale.logarithmic:
        return []
    notes = [
        "some losses are not positive, so costs are not shares of the loss but of what training "
        f"gained, {scale.unit:.4g}"
    ]
    if all(o.loss is None or o.loss < 0 for o in fitted.study.observations):
        notes.append(
            "every loss is negative; if a higher one is better, as of a reward or a log "
            "likelihood, pass --columns loss=-COLUMN for the table"
        )
    return notes


def decay_notes(fitted: StudySurface) -> list[str]:
    """Says what an octave of a decay per step is."""
    return [
        f"{c.name}: drift, half and double are those of 1/(1 - {c.name}), the steps over which it "
        "averages"
        for c in fitted.study.hyperparameters.coordinates
        if c.scale == "memory"
    ]


def axis_notes(fitted: StudySurface) -> list[str]:
    """Names the sizes that grow in proportion on every rung."""
    rungs, axes = fitted.study.runs.rungs, fitted.study.axes
    own = [{rung.get(axis.name) for rung in fitted.study.rungs} for axis in axes]
    together: list[list[str]] = []
    lines = []
    for i, j in combinations(range(len(axes)), 2):
        pair = rungs[:, [i, j]] - rungs[:, [i, j]].mean(0)
        along, *across = np.linalg.svd(pair, compute_uv=False)
        if not across or across[0] > PROPORTIONAL * along:
            continue
        first, second = axes[i].name, axes[j].name
        if len(own[j]) == 1 and len(axes[j].factors) > 1:  # the length is in examples
            lines.append(f"all rungs have the same {second}: the examples grow with the {first}")
        elif group := next((names for names in together if first in names), None):
            group.extend([second] * (second not in group))
        else:
            together.append([first, second])
    lines += [
        f"{', '.join(names[:-1])} and {names[-1]} grow together on all rungs" for names in together
    ]
    return [
        f"{line}, so their drifts cannot be told apart; a target at other proportions is an "
        "extrapolation"
        for line in lines
    ]


def choice_notes(choice: Choice | None, assumed: Sequence[AssumedRule]) -> tuple[str, ...]:
    """Caveats about the choice."""
    if choice is None:
        return ()
    notes = []
    if choice.unsupported is not None:
        notes.append(f"the choice has no interval: {choice.unsupported}")
    for name, chosen in choice.values.items():
        costs = (chosen.costs or {}).items()
        if costs and chosen.at_end:
            notes.append(
                f"all regrets are beside {name} {chosen.value.value:g}, the {chosen.at_end} end of "
                f"the values that were run; what a {chosen.at_end}er one gains is not known"
            )
        if costs:
            others = ", ".join(f"{value:g} costs {percent(cost)} more" for value, cost in costs)
            notes.append(f"{name}: {chosen.value.value:g} is the best value that was run; {others}")
    for rule in assumed:
        rivals = ", ".join(f"{name}: lr {value:.4g}" for name, value in rule.rivals.items())
        text = f"no rung differs in {rule.axis}; assumed: {rule.rule} (source: {rule.source})"
        if rivals:
            text += f"; rival rules: {rivals}"
        notes.append(f"{text}; to settle it, run {rule.settle}")
    return tuple(notes)
