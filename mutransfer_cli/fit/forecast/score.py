"""Scores a forecast: what the loss at its target turned out to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, isfinite, log2
from pathlib import Path
from statistics import fmean

from mutransfer_cli.documents.predict import PredictDocument, Score
from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.target.target_sizes import same_sizes, shown
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation

AT_CHOICE = 0.05  # octaves; a run this close to the predicted setting was made at it


@dataclass(frozen=True, slots=True)
class Measured:
    """The loss at the target.

    Attributes:
        loss: The loss, or the mean over seeds.
        runs: Number of runs.
        setting: Their hyperparameters, quoted at the base; empty if unknown.
        source: The run or table; None for a loss from the command line.
        started: When the run started; None if unknown.
    """

    loss: float
    runs: int = 1
    setting: Mapping[str, float] | None = None
    source: str | None = None
    started: datetime | None = None


def measured_at_target(
    forecast: PredictDocument,
    observations: Sequence[tuple[Mapping[str, float], Observation]],
    source: str,
    started: datetime | None,
) -> Measured:
    """The loss at a forecast's target: of runs at the predicted setting, else at the best one.

    Args:
        forecast: The forecast.
        observations: The sizes of each run, and the run.
        source: Where they come from, for messages.
        started: When the first of them started; None if unknown.

    Raises:
        InputError: No run is at the target.
        Inconclusive: All runs at the target diverged.
    """
    there = [o for sizes, o in observations if same_sizes(sizes, forecast.target)]
    if not there:
        raise InputError(f"{source}: no run at the forecast's target, {shown(forecast.target)}")
    losses: dict[tuple[tuple[str, float], ...], list[float]] = defaultdict(list)
    for o in there:
        if o.loss is not None and isfinite(o.loss):
            losses[tuple({"lr": o.lr, **o.params}.items())].append(o.loss)
    if not losses:
        raise Inconclusive(f"{source}: no run at the target finished; run one that does")
    choice = {name: optimum.value for name, optimum in forecast.optimum.items()}
    at_choice = [setting for setting in losses if distance(dict(setting), choice) <= AT_CHOICE]
    candidates = at_choice or list(losses)
    seeds = max(len(losses[setting]) for setting in candidates)
    complete = [setting for setting in candidates if len(losses[setting]) == seeds]
    best = min(complete, key=lambda setting: fmean(losses[setting]))
    return Measured(fmean(losses[best]), len(losses[best]), dict(best), source, started)


def distance(setting: Mapping[str, float], choice: Mapping[str, float]) -> float:
    """Octaves between two settings, in the hyperparameter in which they differ most."""
    return max(
        (
            abs(log2(setting[name] / value)) if setting[name] > 0 and value > 0
            else (0.0 if setting[name] == value else float("inf"))
            for name, value in choice.items()
            if name in setting
        ),
        default=0.0,
    )  # fmt: skip


def scored(forecast: PredictDocument, measured: Measured, path: Path) -> PredictDocument:
    """The forecast with its score.

    Args:
        forecast: The forecast, as it was sealed.
        measured: The loss at the target.
        path: The forecast's file, for messages.

    Raises:
        InputError: The forecast has no loss, or was made after the run had started.
    """
    if forecast.loss is None:
        raise InputError(f"{path}: predicts no loss: {forecast.reason}")
    assert forecast.made is not None
    made = datetime.fromisoformat(forecast.made)
    if measured.started is not None and made >= measured.started:
        raise InputError(
            f"{path}: was made on {forecast.made}, after the run of its target had started on "
            f"{measured.started.isoformat()}"
        )
    notes = forecast.notes
    if measured.started is None:
        notes += ("when the run of the target started is unknown; --started DATE checks it",)
    if measured.runs > 1:
        notes += (
            f"the loss is a mean of {measured.runs} runs, while the interval is that of one run",
        )
    score = Score(
        loss=measured.loss,
        inside=is_inside(measured.loss, forecast.loss),
        error=error_of(measured.loss, forecast.loss.value),
        source=measured.source,
        runs=measured.runs,
        setting=None if measured.setting is None else dict(measured.setting),
        started=None if measured.started is None else measured.started.isoformat(),
    )
    return forecast.model_copy(update={"score": score, "notes": notes})


def is_inside(loss: float, interval: Interval) -> bool | None:
    """Whether a loss is inside an interval, bounds included; None without bounds."""
    if interval.low is None or interval.high is None:
        return None
    return interval.low <= loss <= interval.high


def error_of(loss: float, predicted: float) -> float:
    """The measured loss relative to the predicted one; their difference if there is no ratio."""
    relative = loss / predicted - 1 if loss > 0 and predicted > 0 else inf
    return relative if isfinite(relative) else loss - predicted


def parse_started(text: str) -> datetime:
    """The date of `--started`, in UTC where it names no time zone.

    Raises:
        InputError: It is not a date.
    """
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"--started {text}: expected a date such as 2026-11-26 or 2026-11-26T14:30"
        ) from None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
