"""Predictions with numbers chosen by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from mutransfer_cli.documents.predict import ForecastRuns, PredictDocument
from mutransfer_cli.fit.forecast.seal import sealed
from mutransfer_cli.interval import Interval

MADE = datetime(2026, 3, 1, 12, tzinfo=UTC)


def prediction(**changes: object) -> PredictDocument:
    """A prediction of a loss of 2, between 1.9 and 2.1, at width 256 and lr 0.01."""
    fields: dict[str, object] = {
        "source": "nowhere",
        "target": {"width": 256, "depth": 2, "batch": 16, "steps": None},
        "loss": Interval(value=2.0, low=1.9, high=2.1),
        "optimum": {"lr": Interval(value=0.01, low=0.008, high=0.0125)},
        "regret": Interval(value=0.001, low=0.0, high=0.004),
        "distance": 1.0,
        "confidence": 0.9,
        "method": "by hand",
    }
    return PredictDocument.model_validate(fields | changes)


def forecast(**changes: object) -> PredictDocument:
    """The prediction, sealed on the first of March 2026 at noon."""
    runs = ForecastRuns(source="nowhere", count=48, digest="0" * 64, largest={"width": 128})
    return sealed(prediction(**changes), runs, MADE)
