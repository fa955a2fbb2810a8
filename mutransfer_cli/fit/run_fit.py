"""Fits the trials of a run, and notes whether its sweep is finished."""

from __future__ import annotations

import logging
from dataclasses import replace

from mutransfer_cli.fit.study_fit import StudyFit, fit_study
from mutransfer_cli.recipe.size import base_size
from mutransfer_cli.search.completeness import unfinished
from mutransfer_cli.search.storage.run import Run

log = logging.getLogger(__name__)


def fit_run(run: Run, *, confidence: float = 0.95) -> StudyFit:
    """Fit the trials of a run; if its sweep is unfinished, the fit says so.

    Raises:
        InputError: No trial has ended, or no two rungs differ along a single axis.
    """
    base = tuple(base_size(run.recipe).as_dict().values())
    study = fit_study(run.observations, confidence=confidence, source=str(run.path), base=base)
    remaining = unfinished(run)
    log.info("%s: %s", run.path, remaining or "the sweep is finished")
    return replace(study, unfinished=remaining)
