"""Fits the trials of a run, and notes whether its sweep is finished."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.fit.decision.assumed_rules import TransferRules
from mutransfer_cli.fit.decision.transfer import TOLERANCE
from mutransfer_cli.fit.made_with import made_with, mixture_note
from mutransfer_cli.fit.norm_outliers import norm_outlier_note
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study_fit import StudyFit, fit_study
from mutransfer_cli.fit.target.named_target import TargetOptions, target_of_recipe
from mutransfer_cli.fit.target.target_sizes import require_above
from mutransfer_cli.fit.transfer.rung_hygiene import undercooled_note
from mutransfer_cli.parameterization.choices.embedding_rate import embedding_exponent
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.completeness import unfinished
from mutransfer_cli.search.storage.run import Run

log = logging.getLogger(__name__)


def fit_run(
    run: Run,
    *,
    confidence: float = CONFIDENCE,
    tolerance: float = TOLERANCE,
    target: TargetOptions | None = None,
    axis: str | None = None,
    judge_target: bool | None = None,
) -> StudyFit:
    """Fit the trials of a run; if its sweep is unfinished, the fit says so.

    Args:
        run: The run.
        confidence: Confidence level of all intervals, between 0 and 1.
        tolerance: Relative extra loss up to which a transfer holds.
        target: Sizes of the target from the command line; sizes that are not given, or all of
            them, are those of the recipe's target.
        axis: Use only the rungs on one line along this size.
        judge_target: Whether the verdict counts the cost at the target; by default where the
            command line names it. False: that of a configuration, which may be below the ladder.

    Raises:
        InputError: No trial has ended, or the target is impossible or below the ladder.
    """
    sizes = target_of_recipe(run.recipe, target or {})

    def above(rungs: Sequence[Sizes]) -> Sizes | None:
        if sizes is not None and judge_target is not False:
            require_above(rungs, sizes)
        return sizes

    question = Question(
        confidence=confidence,
        tolerance=tolerance,
        axis=axis,
        judge_target=any((target or {}).values()) if judge_target is None else judge_target,
        target=above,
        spaces=run.recipe.search.space,
        rules=transfer_rules(run.recipe),
        untrained=untrained_loss(run),
    )
    study = fit_study(run.observations, question=question, source=str(run.path))
    remaining = unfinished(run)
    log.info("%s: %s", run.path, remaining or "the sweep is finished")
    program = run.recipe.program
    notes = (
        None if program is None else program.loss.meaning,
        undercooled_note(run.recipe, run.observations),
        mixture_note(made_with(run)),
        norm_outlier_note(run),
    )
    return replace(
        study,
        unfinished=remaining,
        caveats=tuple(note for note in notes if note),
        embedding_exponent=embedding_exponent(plan_config_of(run.recipe)),
    )


def transfer_rules(recipe: Recipe) -> TransferRules:
    """The rules by which the trials of a recipe, and its target, are scaled."""
    return TransferRules(
        optimizer=recipe.optimizer.full_name,
        horizon=recipe.rules.horizon,
        parameterization=recipe.parameterization,
        beta1=recipe.rules.beta1,
    )


def untrained_loss(run: Run) -> float | None:
    """The median first loss of all trials, where losses can be zero or negative; else None."""
    if all(o.loss is None or o.loss > 0 for o in run.observations):
        return None
    starts = [float(curve[1, 0]) for curve in run.curves.values() if curve.shape[1]]
    return median(starts) if starts else None
