"""The document of `fit`, which `scale --fit` reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.catalog.further_sizes import further_fields
from mutransfer_cli.documents.base import Part
from mutransfer_cli.documents.decision import (
    Assumption,
    Decided,
    Ignored,
    TargetVerdict,
    TransferCost,
)
from mutransfer_cli.documents.quality import BudgetPoint, Differences, ProxyAdvice, Quality
from mutransfer_cli.interval import Interval


@further_fields(int | None, lambda axis: None)
class Sizes(Part):
    """Sizes of a rung or a target; null where unknown."""

    width: int | None = Field(None, description="null where a table describes models by parameters")
    depth: int | None = None
    batch: int | None = None
    steps: int | None = None
    params: float | None = None
    tokens: float | None = None


DRIFT = {
    "holds": "the optimum moves by at most 0.25 octaves per doubling",
    "fails": "the optimum moves by more than 0.25 octaves per doubling",
    "inconclusive": "the interval crosses ±0.25 octaves per doubling; add rungs to narrow it",
}


class Rung(Sizes):
    """One rung of the ladder: its sizes and its optimum."""

    optimum: dict[str, Interval] | None = Field(
        description="by hyperparameter; without bounds where it is not resolved; null: no optimum "
        "inside the range"
    )
    loss: float | None = Field(description="loss at the optimum; without one, the lowest loss")
    at_edge: bool = Field(description="whether the best value is at an end of those that were run")
    points: int = Field(description="number of settings at which every seed finished")
    censored: int = Field(description="number of settings at which a seed diverged")
    pruned: int = Field(default=0, description="number of settings at which a seed was pruned")
    extra_loss: Interval | None = Field(
        default=None, description="relative extra loss of the smallest rung's optimum here"
    )
    seeds: int = Field(default=1, description="largest number of seeds at one setting")
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

    drift: dict[str, Interval] = Field(
        description="by hyperparameter, octaves (steps of a linear one) per doubling of the size"
    )
    regret: tuple[Regret, ...]
    line: Line | None = None


class EmbeddingRule(Part):
    """What the runs say of the rate of embeddings over the width."""

    exponent: Interval = Field(
        description="of the width in the optimal rate of embeddings relative to mup, where the "
        "ratio to hidden matrices grows like the width"
    )
    verdict: Literal["mup", "large-vocab", "neither", "undecided"] = Field(
        description="the rule whose exponent, 0 or -1/2, is the only one in the interval"
    )
    settings: str = Field(description="lines of a recipe that follow it")


class FitDocument(Part):
    """Optima, drift, regret, decision and verdict of a study."""

    schema_: Literal["mutransfer/fit/v1"] = Field(default="mutransfer/fit/v1", alias="schema")
    source: str
    confidence: float
    tolerance: float = Field(description="relative extra loss up to which a transfer holds")
    verdict: Literal["holds", "fails", "inconclusive"] = Field(
        description="on the cost of using the smallest rung's optimum at the largest rung, and at "
        "the target where `target_verdict` is counted"
    )
    reason: str
    drift_verdict: Literal["holds", "fails", "inconclusive"] = Field(
        description="whether the optimum of the learning rate moves by at most 0.25 octaves per "
        "doubling along every axis"
    )
    target_verdict: TargetVerdict | None = Field(
        default=None,
        description="the same at the target alone; null: none is named, or it is the largest rung",
    )
    target: Sizes | None = Field(description="the size of the decision; null: the largest rung")
    decision: dict[str, Interval | Decided] | None = Field(
        description="by hyperparameter, the choice of lowest expected regret at the target, or at "
        "the largest rung that has an optimum; and `regret`, that of the choice; null: no rung has "
        "an optimum"
    )
    choice_reason: str | None = Field(description="why these values were chosen")
    transfer: tuple[TransferCost, ...] = Field(
        description="cost of the smallest rung's optimum at the largest rung, and at the target "
        "where `target_verdict` is counted: what the verdict rests on"
    )
    rungs: tuple[Rung, ...]
    axes: dict[str, Axis]
    drift: Interval | None = Field(description="of the learning rate along the width")
    regret: tuple[Regret, ...] = Field(description="that of the axis width")
    entanglement: dict[str, dict[str, Interval]] | None = Field(
        description="curvature between two hyperparameters as a correlation: 0 where they can be "
        "tuned one after the other; null for one hyperparameter"
    )
    quality: Quality | None = Field(default=None, description="null: no run finished")
    advice: tuple[ProxyAdvice, ...] | None = Field(
        default=None, description="proxies by cost, each with a lower promise than all cheaper ones"
    )
    against: Against | None = None
    assumptions: tuple[Assumption, ...] = ()
    embedding_rule: EmbeddingRule | None = Field(
        default=None, description="null: lr_factors.embedding was not searched over widths"
    )
    method: str = Field(description="the estimator")
    used: dict[str, str] = Field(
        default_factory=dict, description="the column by the role for which it was used"
    )
    ignored: tuple[Ignored, ...] = Field(
        default=(), description="rows, columns, runs and rungs that were not used"
    )
    source_rung: Sizes | None = Field(description="largest rung with an optimum inside its range")
    hyperparameters: dict[str, float] = Field(description="the values of the decision")
    noise: float | None = Field(
        description="standard deviation of a loss about the level of its seed"
    )
    notes: tuple[str, ...] = Field(
        default=(), description="caveats, such as that the sweep is unfinished"
    )

    @property
    def decided(self) -> dict[str, Decided]:
        """The decision without its regret."""
        return {n: d for n, d in (self.decision or {}).items() if isinstance(d, Decided)}

    @property
    def drift_reason(self) -> str:
        """What `drift_verdict` says."""
        return DRIFT[self.drift_verdict]

    @property
    def separate_target(self) -> TargetVerdict | None:
        """The verdict at the target where `verdict` and `reason` do not say the same."""
        there = self.target_verdict
        same = there is None or there.counted or there.reason == self.reason
        return None if same else there

    @property
    def recommended(self) -> Rung | None:
        """The rung that `source_rung` names; None where there is none."""
        if self.source_rung is None:
            return None
        sizes = dict(self.source_rung)
        return next(r for r in self.rungs if all(getattr(r, n) == v for n, v in sizes.items()))


class Against(Part):
    """A comparison with other runs at equal compute, the tuning trials of both sides counted."""

    fit: FitDocument = Field(description="the other side")
    target: Sizes = Field(description="where losses are compared")
    unit: str = Field(description="unit of the budgets")
    differences: Differences
    curve: tuple[BudgetPoint, ...]
    conclusion: str
    reasons: dict[str, str] = Field(default_factory=dict, description="by field: why it is null")


FitDocument.model_rebuild()
