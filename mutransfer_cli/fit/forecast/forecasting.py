"""What `mutransfer predict` does: make a prediction, seal it, score it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns, TableOptions, ladder_runs
from mutransfer_cli.fit.forecast.prediction import forecast_runs, predict, target_sizes
from mutransfer_cli.fit.forecast.score import (
    Measured,
    measured_at_target,
    parse_started,
    scored,
)
from mutransfer_cli.fit.forecast.seal import keep, read_forecast, sealed, write_forecast
from mutransfer_cli.fit.study.searched_batch import with_searched_batch
from mutransfer_cli.fit.study.size_axes import sizes_of


def make_prediction(
    source: str,
    given: Mapping[str, float],
    *,
    confidence: float = CONFIDENCE,
    pilot: str | None = None,
    output: Path | None = None,
    table: TableOptions,
) -> PredictDocument:
    """Predict loss and optimum at a target; with an output, as a sealed forecast.

    Args:
        source: A run directory or a table.
        given: The sizes that name the target.
        confidence: Confidence level of all intervals, between 0 and 1.
        pilot: A run directory or a table of short runs at the target.
        output: File of the forecast; None: the prediction is not sealed.
        table: How tables are read.

    Raises:
        InputError: The source, the target or the pilot is wrong, or a file cannot be written.
    """
    runs = searched(ladder_runs(source, table, given), given)
    target = target_sizes(runs, given)
    pilot_runs = None if pilot is None else searched(ladder_runs(pilot, table, given), given)
    document = predict(runs, target, confidence=confidence, pilot=pilot_runs)
    if output is None:
        return document
    forecast = sealed(document, forecast_runs(runs))
    write_forecast(forecast, output)
    if Path(source).exists():
        keep(forecast, Path(source))
    return forecast


def searched(runs: LadderRuns, given: Mapping[str, float]) -> LadderRuns:
    """The runs of a table with a batch that every rung searched as a hyperparameter.

    Args:
        runs: The runs of a run directory or a table.
        given: The sizes that name the target; a batch among them is a size.
    """
    if runs.recipe is not None:
        return runs
    observations, note = with_searched_batch(runs.observations, list(given))
    notes = runs.notes if note is None else (*runs.notes, note)
    return replace(runs, observations=tuple(observations), notes=notes)


def score_forecast(
    path: Path,
    source: str | None,
    *,
    loss: float | None = None,
    started: str | None = None,
    table: TableOptions,
) -> PredictDocument:
    """Score a forecast by the loss of its target.

    Args:
        path: The file of the forecast.
        source: The run directory or table of the target; None where the loss is given.
        loss: The loss of the target; None where a run is given.
        started: When the run of the target started, as on the command line.
        table: How a table is read.

    Raises:
        InputError: The forecast was edited or is too young, nothing is at its target, or the loss
            is not finite.
        Inconclusive: Every run at the target diverged.
    """
    forecast = read_forecast(path)
    date = None if started is None else parse_started(started)
    if (loss is None) == (source is None):
        raise InputError("--score: expected a run of the target, or --loss, and not both")
    if source is None:
        assert loss is not None
        if not isfinite(loss):
            raise InputError(f"--loss {loss}: expected a finite loss")
        return scored(forecast, Measured(loss, started=date), path)
    runs = ladder_runs(source, table)
    observations = [(sizes_of(o), o) for o in runs.observations]
    dates = [known for known in (date, runs.started) if known is not None]
    measured = measured_at_target(forecast, observations, source, min(dates, default=None))
    document = scored(forecast, measured, path)
    return document.model_copy(update={"notes": (*document.notes, *runs.notes)})
