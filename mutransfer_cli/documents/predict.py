"""The document of `predict`, which is also the file of a sealed forecast."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part
from mutransfer_cli.interval import Interval


class Pilot(Part):
    """What short runs at the target changed."""

    source: str
    runs: int = Field(description="number of pilot runs that finished")
    shortfall: float = Field(description="octaves by which the pilot is shorter than the target")
    before: dict[str, Interval] = Field(description="optimum without the pilot")
    method: str
    change: str = Field(description="what the pilot changed, in one sentence")


class ForecastRuns(Part):
    """The runs that a forecast was made from."""

    source: str
    count: int = Field(description="number of runs, diverged ones included")
    digest: str = Field(description="SHA-256 of the recipe and all outcomes, or of the table")
    largest: dict[str, int | float | None] = Field(description="sizes of the largest rung")


class Score(Part):
    """What came true."""

    loss: float = Field(description="measured loss at the target")
    inside: bool | None = Field(
        description="whether it is inside the forecast's interval; null: the forecast has none"
    )
    error: float = Field(
        description="measured over predicted loss, minus 1; their difference where one of them is "
        "not positive"
    )
    source: str | None = Field(default=None, description="run or table of the measured loss")
    runs: int | None = Field(default=None, description="number of runs that the loss is a mean of")
    setting: dict[str, float] | None = Field(
        default=None, description="hyperparameters of these runs, quoted at the base"
    )
    started: str | None = Field(
        default=None, description="when the run of the target started (UTC)"
    )


class PredictDocument(Part):
    """Loss and optimum at a target, as prediction intervals."""

    schema_: Literal["mutransfer/predict/v1"] = Field(
        default="mutransfer/predict/v1", alias="schema"
    )
    source: str
    target: dict[str, int | float | None] = Field(description="sizes; null: unknown")
    loss: Interval | None = Field(
        description="loss of one run at the target at `optimum`, as a prediction interval"
    )
    optimum: dict[str, Interval] = Field(
        description="choice of lowest expected regret at the target, quoted at the base; the "
        "interval is that of the optimum"
    )
    regret: Interval | None = Field(
        description="relative extra loss of `optimum` over the best at the target"
    )
    distance: float = Field(
        description="octaves beyond the largest rung, along the axis where it is most"
    )
    confidence: float
    method: str
    reason: str | None = Field(
        default=None, description="why the optimum or the loss has no interval"
    )
    inconclusive: str | None = Field(
        default=None,
        description="why the runs predict neither loss nor optimum, or span too little towards "
        "the target, and what to run",
    )
    pilot: Pilot | None = None
    notes: tuple[str, ...] = ()
    made: str | None = Field(default=None, description="date of a forecast (UTC)")
    versions: dict[str, str] | None = Field(
        default=None, description="versions that made a forecast"
    )
    runs: ForecastRuns | None = Field(
        default=None, description="runs that a forecast was made from"
    )
    digest: str | None = Field(
        default=None, description="SHA-256 of a forecast's other fields as canonical JSON"
    )
    score: Score | None = Field(default=None, description="what came true, with --score")
