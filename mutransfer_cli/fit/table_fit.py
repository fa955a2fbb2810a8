"""Fits a table of runs that were made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.fit.decision.assumed_rules import TransferRules
from mutransfer_cli.fit.decision.transfer import TOLERANCE
from mutransfer_cli.fit.study.searched_batch import with_searched_batch
from mutransfer_cli.fit.study_fit import StudyFit, fit_study
from mutransfer_cli.fit.tables.table_runs import read_runs
from mutransfer_cli.fit.target.named_target import TargetOptions, target_of_table
from mutransfer_cli.redaction import redact


def default_output(source: str) -> Path:
    """Where the fit of a table is written by default: beside its file."""
    scheme, colon, path = source.partition(":")
    if colon and scheme in ("sqlite", "journal"):
        source = path.removeprefix("///")
    elif "://" in source:
        source = source.rpartition("/")[2].partition("?")[0]
    return Path(source).with_suffix(".fit.json")


def fit_table(
    source: str,
    *,
    confidence: float = CONFIDENCE,
    tolerance: float = TOLERANCE,
    target: TargetOptions | None = None,
    axis: str | None = None,
    columns: Sequence[str] = (),
    where: Sequence[str] = (),
    study: str | None = None,
    lr_is: str = "base",
    optimizer: str = "adamw",
    base_width: int | None = None,
) -> StudyFit:
    """Fit a table; the fit says what was understood of it.

    Args:
        source: Path of a file, or the address of an Optuna storage.
        confidence: Confidence level of all intervals, between 0 and 1.
        tolerance: Relative extra loss up to which a transfer holds.
        target: Sizes of the target; those that are not given are those of the largest rung.
        axis: Use only the rungs on one line along this size.
        columns: Texts of `--columns`, such as `width=d_model,loss=eval/loss`.
        where: Conditions on rows, such as `optimizer=adamw`.
        study: Name of the study, for an Optuna storage with several.
        lr_is: Meaning of the learning rates: `base` or `raw`.
        optimizer: The optimizer of the runs, for raw rates and rival rules.
        base_width: Width at which rates are quoted; by default the smallest in the table.
    """
    named = [name for name, size in (target or {}).items() if size is not None]
    runs = read_runs(
        source,
        columns=columns,
        where=where,
        study=study,
        lr_is=lr_is,
        optimizer=optimizer,
        base_width=base_width,
        named=named,
    )
    question = Question(
        confidence=confidence,
        tolerance=tolerance,
        axis=axis,
        target=lambda rungs: target_of_table(rungs, target or {}),
        rules=TransferRules(optimizer=optimizer),
    )
    observations, note = with_searched_batch(runs.observations, [*named, *([axis] if axis else [])])
    fitted = fit_study(observations, question=question, source=redact(source))
    understanding = runs.understanding
    if note is not None:
        understanding = replace(understanding, notes=(*understanding.notes, note))
    return replace(fitted, understanding=understanding)
