"""What a fit decides: the value of every hyperparameter, how sure it is, the cost of an error."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part
from mutransfer_cli.interval import Interval


class Decided(Part):
    """The choice of one hyperparameter, at the target or the largest rung."""

    value: float
    low: float | None = Field(None, description="lower end of the interval of the optimum")
    high: float | None = Field(None, description="upper end of the interval of the optimum")
    cost_of_half: Interval | None = Field(
        None,
        description="relative extra loss at half the optimum, or one step of its range below it",
    )
    cost_of_double: Interval | None = Field(
        None,
        description="relative extra loss at twice the optimum, or one step of its range above it",
    )
    costs: dict[float, Interval] | None = Field(
        None,
        description="of a hyperparameter with fewer than three values, or best at 0: relative "
        "extra loss of each other value",
    )
    at_end: Literal["low", "high"] | None = Field(
        None, description="the best value ends the range or list that was searched"
    )


class Assumption(Part):
    """A rule that a decision rests on, because no rung differs along one of the target's axes."""

    axis: str
    ratio: float = Field(description="size of the target relative to the largest rung")
    rule: str
    source: str
    rivals: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="by rival rule, the hyperparameters that it gives, quoted like the decision's",
    )
    settle: str = Field(description="the rung that would show which rule is right")


class TransferCost(Part):
    """Relative extra loss of the smallest rung's optimum at one larger size."""

    at: str = Field(description="the largest rung, or the target")
    value: float
    low: float | None
    high: float | None


class TargetVerdict(TransferCost):
    """The verdict on the transfer to the target alone, whether or not `verdict` counts it."""

    verdict: Literal["holds", "fails", "inconclusive"]
    reason: str
    counted: bool = Field(
        description="whether `verdict` counts it: where the command line names the target, or the "
        "transfer to it fails"
    )


class Ignored(Part):
    """Runs, a row or a column of which a fit made no use."""

    what: Literal["row", "column", "runs", "rung"]
    name: str = Field(description="name of the column, file and line of the row, sizes, or a count")
    reason: str
