"""The document of `fit`, which `scale --fit` reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.catalog.further_sizes import further_fields
from mutransfer_cli.documents.base import Part
from mutransfer_cli.interval import Interval


class Ignored(Part):
    """A row or a column of a table that was not used."""

    what: Literal["row", "column"]
    name: str = Field(description="name of the column, or file and line of the row")
    reason: str


@further_fields(int | None, lambda axis: None)
class Rung(Part):
    """One rung of the ladder: its sizes and its optimum."""

    width: int | None = Field(description="null where a table describes models by parameters")
    depth: int | None = None
    batch: int | None = None
    steps: int | None = None
    params: float | None = None
    tokens: float | None = None
    optimum: dict[str, Interval] | None = Field(
        description="by hyperparameter; null: no optimum inside the range"
    )
    loss: float | None = Field(description="loss at the optimum; without one, the lowest mean")
    at_edge: bool = Field(description="whether the best learning rate is at an end of the range")
    points: int = Field(description="number of learning rates at which every seed finished")
    censored: int = Field(description="number of learning rates at which a seed diverged")
    pruned: int = Field(
        default=0, description="number of learning rates at which a seed was pruned"
    )
    note: str | None = None


class Regret(Part):
    """Relative extra loss at a larger rung from using the smallest rung's optimum there."""

    size: int | float = Field(
        validation_alias="width",
        serialization_alias="width",
        description="size of the rung along its axis",
    )
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str | None = None


class Line(Part):
    """The line of optima along an axis: lr is its value at `width`, the drift its slope."""

    size: float = Field(
        validation_alias="width", serialization_alias="width", description="size along the axis"
    )
    lr: Interval


class Axis(Part):
    """What the rungs along one axis show."""

    drift: Interval | None = Field(
        description="octaves of the learning rate per doubling of the size"
    )
    regret: tuple[Regret, ...]
    line: Line | None = None


@further_fields(int | None, lambda axis: None)
class SourceRung(Part):
    """The sizes of the rung whose optimum is used."""

    width: int | None = Field(description="null where a table describes models by parameters")
    depth: int | None = None
    batch: int | None = None
    steps: int | None = None
    params: float | None = None
    tokens: float | None = None


class FitDocument(Part):
    """Optima, drift, regret and verdict of a study."""

    schema_: Literal["mutransfer/fit/v1"] = Field(default="mutransfer/fit/v1", alias="schema")
    source: str
    confidence: float
    verdict: Literal["holds", "fails", "inconclusive"]
    reason: str
    rungs: tuple[Rung, ...]
    axes: dict[str, Axis]
    drift: Interval | None
    regret: tuple[Regret, ...]
    source_rung: SourceRung | None = Field(
        description="largest rung with an optimum inside its range"
    )
    hyperparameters: dict[str, float] = Field(description="optimum of the source rung")
    noise: float | None = Field(
        description="standard deviation of a loss about the level of its seed"
    )
    used: dict[str, str] = Field(
        default_factory=dict, description="the column by the role for which it was used"
    )
    ignored: tuple[Ignored, ...] = Field(
        default=(), description="rows and columns of the table that were not used"
    )
    notes: tuple[str, ...] = Field(
        default=(), description="caveats, such as that the sweep is unfinished"
    )

    @property
    def recommended(self) -> Rung | None:
        """The rung that `source_rung` names; None where there is none."""
        if self.source_rung is None:
            return None
        sizes = dict(self.source_rung)
        return next(r for r in self.rungs if all(getattr(r, n) == v for n, v in sizes.items()))
