"""Caveats that belong to the answers of a study."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.fit.decision.assumed_rules import AssumedRule
from mutransfer_cli.fit.decision.lowest_regret import Choice
from mutransfer_cli.fit.decision.wording import size_text
from mutransfer_cli.fit.study.coordinates import setting_of_run
from mutransfer_cli.fit.study.size_axes import sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface


def outlier_notes(fitted: StudySurface) -> list[str]:
    """Names the runs that were left out as outliers."""
    names = [axis.name for axis in fitted.study.axes]
    notes = []
    for o in fitted.outliers:
        setting = ", ".join(f"{name} {value:.4g}" for name, value in setting_of_run(o).items())
        notes.append(
            f"outlier left out: loss {o.loss:.4g} at {size_text(sizes_of(o), names)}, {setting}, "
            f"seed {o.seed}; the other runs contradict it (a run that crashed early?)"
        )
    return notes


def choice_notes(choice: Choice | None, assumed: Sequence[AssumedRule]) -> tuple[str, ...]:
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
