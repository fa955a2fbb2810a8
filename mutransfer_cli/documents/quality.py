"""How well hyperparameters transfer, and which proxies suffice: parts of the document of `fit`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part
from mutransfer_cli.interval import Interval


class Quality(Part):
    """How well the choice transfers, in the terms of arXiv 2605.21486 and 2512.22768."""

    fit_error: Interval | None = Field(
        description="octaves by which the optimal learning rates of the rungs (or the first "
        "hyperparameter that was searched) leave a power law of the size, root mean square"
    )
    robustness: Interval | None = Field(
        description="kappa: an error of the same factor costs size^kappa times as much"
    )
    asymptotic_penalty: Interval | None = Field(
        description="R(inf): relative extra loss of the smallest rung's optimum at large sizes"
    )
    fast: bool | None = Field(
        description="whether the cost of transferring shrinks faster with size than what growing "
        "the model gains; null: not shown"
    )
    suboptimality_exponent: Interval | None = Field(
        default=None,
        description="gamma: the cost of transferring one doubling up shrinks as size^-gamma",
    )
    gap_exponent: Interval | None = Field(
        default=None, description="alpha: what a doubling gains shrinks as size^-alpha"
    )
    fit_errors: dict[str, Interval] = Field(
        default_factory=dict, description="the fit error of every hyperparameter that was searched"
    )
    reasons: dict[str, str] = Field(
        default_factory=dict, description="by field: why it is null; for `fast`, what was found"
    )


class ProxyAdvice(Part):
    """A proxy, and what a sweep of it promises for the target."""

    sizes: dict[str, float]
    trials: int = Field(
        description="runs of the sweep: a half-octave grid with two seeds, or 16 quasi-random "
        "settings per hyperparameter, up to a power of two"
    )
    cost: float = Field(description="of the sweep, relative to one run of the target")
    trial_cost: float = Field(description="of one of its runs, relative to one run of the target")
    regret: Interval = Field(
        description="relative extra loss at the target of the optimum that the sweep finds; the "
        "upper end is the promise"
    )
    advised: bool = Field(description="the cheapest one whose promise is within the tolerance")


class Tuned(Part):
    """The loss at the target after a budget for tuning, on one side of a comparison."""

    by_proxy: Interval | None = Field(description="by tuning on its best rung; null: none is paid")
    direct: Interval | None = Field(description="by tuning at the target; null: none is paid")
    proxy: dict[str, float] | None = Field(description="the rung with the lowest expected loss")
    trials: int = Field(description="trials on that rung")


class BudgetPoint(Part):
    """Both sides of a comparison at one budget for tuning."""

    budget: float = Field(description="cost of all tuning trials, in the unit of the comparison")
    relative: float = Field(description="the same relative to one run of the target")
    this: Tuned
    other: Tuned
    difference: Interval | None = Field(
        description="relative difference of the losses, each by the better of its two ways: "
        "negative where this side is better"
    )
    regret_difference: Interval | None = Field(
        description="difference of what tuning leaves, as shares of the two losses: the losses of "
        "the tuned models aside"
    )
    better: Literal["this", "other"] | None = Field(description="null: no difference is shown")


class Differences(Part):
    """This side less the other; null where one of the two has no value."""

    fit_error: Interval | None
    robustness: Interval | None
    asymptotic_penalty: Interval | None
    loss: Interval | None = Field(
        description="relative difference of the losses at the target, both perfectly tuned"
    )
