"""The document of `law`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from mutransfer_cli.documents.base import Part
from mutransfer_cli.interval import Interval

Prediction: TypeAlias = dict[str, float | Interval]


class QuantityScore(Part):
    """How the predictions of one quantity did at sizes that were held out."""

    points: int
    inside: int
    error: float


class HeldOut(Part):
    """How the law did on runs that it was not fitted to."""

    rule: str = Field(description="which runs were held out")
    points: int = Field(description="comparisons made; of the form optimum, sizes × quantities")
    inside: int = Field(description="comparisons with the truth inside the prediction interval")
    error: float = Field(
        description="median absolute error: relative for a loss, in octaves for other quantities"
    )
    regret: tuple[float, ...] | None = Field(
        description="relative extra loss, at each held-out size, of the run nearest to the "
        "predicted setting; null for laws that predict no setting"
    )
    by_quantity: dict[str, QuantityScore] = Field(
        default_factory=dict, description="the same for each quantity, where there are several"
    )


class LawCurve(Part):
    """Runs, or a line of the law, in a plot."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


class LawPicture(Part):
    """What a plot of the law shows, on logarithmic axes."""

    x_name: str
    y_name: str
    points: tuple[LawCurve, ...] = Field(description="runs, at most 1,000 in a curve")
    lines: tuple[LawCurve, ...]


class LawDocument(Part):
    """A scaling law fitted to a table of runs."""

    schema_: Literal["mutransfer/law/v1"] = Field(default="mutransfer/law/v1", alias="schema")
    source: str
    form: str
    confidence: float
    sizes: tuple[str, ...] = Field(description="the columns in which the law is a function")
    parameters: dict[str, Interval | dict[str, Interval]] = Field(
        description="by name; of the form optimum, for each hyperparameter"
    )
    points: int = Field(description="runs, or sizes with an optimum, that the law was fitted to")
    residual: float = Field(
        description="root mean square: relative for a loss, in octaves for other quantities"
    )
    held_out: HeldOut | None
    predictions: tuple[Prediction, ...] = Field(
        description="sizes as numbers and predicted quantities with prediction intervals, first "
        "for the sizes asked for, then for those held out"
    )
    pictures: tuple[LawPicture, ...] = Field(
        default=(), description="the runs and the law, as `--plot` draws them"
    )
    method: str
    unidentified: tuple[str, ...] = Field(
        description="why parameters are not identified by the runs; empty where all are"
    )
    notes: tuple[str, ...] = ()
