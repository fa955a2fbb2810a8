"""Compares two studies at equal compute: two parameterizations, or two optimizers.

What counts is the loss at the target that a budget for tuning buys, on each side by the better of
two ways: trials on the best rung of its ladder, whose best setting is used at the target unchanged,
or trials at the target itself. Both sides search the box that both searched together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.documents.quality import BudgetPoint, Differences, Tuned
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.decision.transfer import TOLERANCE
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.transfer.conclusion import better_side, conclusion
from mutransfer_cli.fit.transfer.optimum_losses import losses_at_optimum
from mutransfer_cli.fit.transfer.quality_document import findings
from mutransfer_cli.fit.transfer.trial_cost import CostRule, cost_rule
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.response.response_surface import interval
from mutransfer_cli.surface.transfer.tuning_budget import (
    SIMULATED,
    TrialSize,
    TuningCurves,
    tuning_curves,
)

Array = NDArray[np.float64]

BUDGETS = 10  # points of a curve
FEWEST_TRIALS, MOST_TRIALS = 4, 32  # on the cheapest rung at first, at the target in the end
SAME_PLACE = 1e-6  # octaves
SEED = 11


@dataclass(frozen=True)
class Comparison:
    """Two sides at one target.

    Attributes:
        target: The sizes of the target.
        rule: How trials are paid.
        differences: Of fit error, robustness, penalty and loss.
        curve: Losses over the budget.
        conclusion: What the curve shows, in one sentence.
        reasons: Why a difference is missing, by its name.
    """

    target: Sizes
    rule: CostRule
    differences: Differences
    curve: tuple[BudgetPoint, ...]
    conclusion: str
    reasons: dict[str, str]


@dataclass(frozen=True)
class _Side:
    """One side: its surface, its rungs below the target, its curves, its loss at the optimum."""

    surface: StudySurface
    proxies: list[Sizes]
    curves: TuningCurves
    loss: Array | None

    def better_regrets(self, i: int) -> Array | None:
        """The regrets of the better way at one budget; None where it pays for no trial."""
        ways = [curve[i] for curve in (self.curves.proxy, self.curves.direct)]
        known = [way for way in ways if np.isfinite(way).all()]
        return min(known, key=lambda way: float(way.mean()), default=None)

    def after(self, regrets: Array) -> Array:
        """Draws of the loss at the target with a regret."""
        scale = self.surface.study.scale
        loss = np.ones(SIMULATED) if self.loss is None else self.loss
        unit = loss if scale.logarithmic else scale.unit
        return np.asarray(loss + unit * scale.relative(regrets))


def compare(
    this: StudySurface,
    other: StudySurface,
    target: Sizes | None,
    names: tuple[str, str],
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Compare two studies.

    Args:
        this: One side.
        other: The other side.
        target: The sizes of the target; None: those of this side's largest rung.
        names: What the sides are called in messages.
        tolerance: Relative difference of losses up to which the sides count as equal.

    Raises:
        InputError: The sides do not vary the same hyperparameters, or have other sizes.
    """
    if set(this.names) != set(other.names):
        raise InputError(
            f"--against: {names[0]} varies {', '.join(sorted(this.names))}, {names[1]} varies "
            f"{', '.join(sorted(other.names))}; a comparison needs the same search on both sides"
        )
    there = this.study.full({} if target is None else target)
    sides = (this, other)
    rule = cost_rule([*this.study.rungs, *other.study.rungs, there])
    budgets = _budgets(sides, there, rule)
    losses, reasons = losses_at_optimum(sides, there, names)
    tuned = [
        _Side(
            side,
            _proxies(side, there),
            _curves(side, there, rule, budgets, _box(sides, side)),
            loss,
        )
        for side, loss in zip(sides, losses, strict=True)
    ]
    points = tuple(_point(i, b, tuned, b / rule.cost(there)) for i, b in enumerate(budgets))
    differences, missing = _differences(sides, losses, names)
    return Comparison(
        target=there,
        rule=rule,
        differences=differences,
        curve=points,
        conclusion=conclusion(points, names, tolerance),
        reasons={**missing, **reasons},
    )


def _budgets(sides: Sequence[StudySurface], there: Sizes, rule: CostRule) -> list[float]:
    """Budgets from a few trials on the cheapest rung to many at the target."""
    cheapest = min(rule.cost(rung) for side in sides for rung in side.study.rungs)
    ends = FEWEST_TRIALS * cheapest, MOST_TRIALS * rule.cost(there)
    return [float(b) for b in np.geomspace(*ends, BUDGETS)]


def _box(sides: Sequence[StudySurface], side: StudySurface) -> tuple[Array, Array]:
    """The values that both sides searched together, in the coordinates of one of them."""
    low, high = [], []
    for c in side.study.hyperparameters.coordinates:
        values = []
        for each in sides:
            j = each.names.index(c.name)
            settings = each.study.runs.settings[:, j]
            own = each.study.hyperparameters.coordinates[j]
            values += [c.position(own.value(float(x))) for x in (settings.min(), settings.max())]
        low.append(min(values))
        high.append(max(values))
    return np.array(low), np.array(high)


def _curves(
    side: StudySurface,
    there: Sizes,
    rule: CostRule,
    budgets: Sequence[float],
    box: tuple[Array, Array],
) -> TuningCurves:
    """The regrets of one side over the budget.

    Args:
        side: The side.
        there: The sizes of the target.
        rule: How trials are paid.
        budgets: The budgets.
        box: The settings that are searched.
    """
    size = side.study.size(there)
    proxies = [TrialSize(side.study.size(rung), rule.cost(rung)) for rung in _proxies(side, there)]
    return tuning_curves(side.surface, proxies, TrialSize(size, rule.cost(there)), box, budgets)


def _proxies(side: StudySurface, there: Sizes) -> list[Sizes]:
    """The rungs of a side that are not the target, from the cheapest on."""
    size, study = side.study.size(there), side.study
    return [
        study.rungs[r]
        for r in study.ordered
        if np.abs(study.size(study.rungs[r]) - size).max() > SAME_PLACE
    ]


def _point(i: int, budget: float, sides: Sequence[_Side], relative: float) -> BudgetPoint:
    """Both sides at one budget.

    Args:
        i: Index of the budget.
        budget: What all trials cost.
        sides: Both sides.
        relative: The budget relative to one run of the target.
    """
    this, other = sides
    best = [side.better_regrets(i) for side in sides]
    difference, regrets = None, None
    if best[0] is not None and best[1] is not None:
        regrets = _regret_difference(sides, (best[0], best[1]))
        if this.loss is not None:
            losses = this.after(best[0]), other.after(best[1])
            difference = _relative_difference(this.surface, *losses)
    return BudgetPoint(
        budget=budget,
        relative=relative,
        this=_tuned(this, i),
        other=_tuned(other, i),
        difference=difference,
        regret_difference=regrets,
        better=better_side(difference),
    )


def _tuned(side: _Side, i: int) -> Tuned:
    """One side at one budget."""
    shown = [
        None
        if side.loss is None or not np.isfinite(curve[i]).all()
        else interval(side.after(curve[i]), side.surface.confidence)
        for curve in (side.curves.proxy, side.curves.direct)
    ]
    index = side.curves.best_proxy[i]
    return Tuned(
        by_proxy=shown[0],
        direct=shown[1],
        proxy=None if index is None else dict(side.proxies[index]),
        trials=side.curves.trials[i],
    )


def _regret_difference(sides: Sequence[_Side], regrets: tuple[Array, Array]) -> Interval:
    """The difference of what tuning leaves, as a share of each side's loss."""
    this, other = (
        side.surface.study.scale.relative(r) for side, r in zip(sides, regrets, strict=True)
    )
    other = np.random.default_rng(SEED).permutation(other)  # the sides are independent
    return interval(this - other, sides[0].surface.confidence)


def _relative_difference(side: StudySurface, this: Array, other: Array) -> Interval:
    """The difference of two losses relative to the other one, or to what training gained."""
    other = np.random.default_rng(SEED).permutation(other)  # the sides are independent
    unit = other if side.study.scale.logarithmic else side.study.scale.unit
    return interval((this - other) / unit, side.confidence)


def _differences(
    sides: Sequence[StudySurface], losses: Sequence[Array | None], names: tuple[str, str]
) -> tuple[Differences, dict[str, str]]:
    """This side less the other, and why a difference is missing.

    Args:
        sides: Both sides.
        losses: Draws of the loss at the target's optimum; None where it is unknown.
        names: What the sides are called.
    """
    found: dict[str, Interval | None] = {"loss": None}
    reasons = {}
    this, other = (findings(side) for side in sides)
    rng = np.random.default_rng(SEED)
    for name, finding in this.items():
        pair = (finding, other[name])
        found[name] = None
        if pair[0].draws is not None and pair[1].draws is not None:
            difference = pair[0].draws - rng.permutation(pair[1].draws)
            found[name] = interval(difference, sides[0].confidence)
        else:
            reasons[name] = "; ".join(
                f"{names[k]}: {f.reason}" for k, f in enumerate(pair) if f.reason is not None
            )
    if losses[0] is not None and losses[1] is not None:
        found["loss"] = _relative_difference(sides[0], losses[0], losses[1])
    return Differences.model_validate(found), reasons
