"""The verdict on a transfer: what the smallest rung's optimum costs at larger sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.decision.wording import decimals, percent
from mutransfer_cli.interval import Interval

Verdict: TypeAlias = Literal["holds", "fails", "inconclusive"]

TOLERANCE = 0.005  # relative extra loss up to which a transfer holds
SMALLEST = "the smallest rung's optimum"
DRIFT_TOLERANCE = 0.25  # octaves per doubling


@dataclass(frozen=True)
class TransferCost:
    """The relative extra loss of the smallest rung's optimum at one larger size.

    Attributes:
        where: The size, in words.
        cost: The extra loss.
        predicted: Whether no rung has this size.
    """

    where: str
    cost: Interval
    predicted: bool = False


@dataclass(frozen=True)
class TargetVerdict:
    """The verdict on the transfer to the target alone.

    Attributes:
        cost: The cost there.
        verdict: What its interval implies; inconclusive too where the rungs allow no verdict.
        reason: Why, and what to run where it is not shown.
        counted: Whether the verdict on the study counts it.
    """

    cost: TransferCost
    verdict: Verdict
    reason: str
    counted: bool


def verdict_on_cost(cost: Interval, tolerance: float) -> Verdict:
    """The verdict that the interval of a cost implies.

    Args:
        cost: Relative extra loss.
        tolerance: Largest cost at which a transfer holds.
    """
    if cost.low is not None and cost.low > tolerance:
        return "fails"
    return "holds" if cost.high is not None and cost.high <= tolerance else "inconclusive"


def verdict_on_drift(drift: Interval | None) -> Verdict:
    """Whether a drift lies within `DRIFT_TOLERANCE`, outside, or neither is shown."""
    if drift is None or drift.low is None or drift.high is None:
        return "inconclusive"
    if drift.low > DRIFT_TOLERANCE or drift.high < -DRIFT_TOLERANCE:
        return "fails"
    inside = drift.low >= -DRIFT_TOLERANCE and drift.high <= DRIFT_TOLERANCE
    return "holds" if inside else "inconclusive"


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of several verdicts; inconclusive if there are none."""
    order: tuple[Verdict, ...] = ("fails", "inconclusive", "holds")
    return min(verdicts, key=order.index, default="inconclusive")


def verdict_on_transfer(
    costs: Sequence[TransferCost], tolerance: float, transferred: str = SMALLEST
) -> tuple[Verdict, str]:
    """The worst verdict of several costs, and the reason.

    Args:
        costs: The costs at the largest rung and at the target.
        tolerance: Largest cost at which a transfer holds.
        transferred: The setting that has these costs, in words.
    """
    verdict = worst([verdict_on_cost(c.cost, tolerance) for c in costs])
    relation = {"holds": "at most", "fails": "above", "inconclusive": "on both sides of"}
    places = decimals(tolerance)
    parts = [
        f"{percent(c.cost, places)} of the loss at {c.where}"
        for c in costs
        if verdict == "holds" or verdict_on_cost(c.cost, tolerance) == verdict
    ]
    costing = " and ".join(parts)
    return verdict, (f"{transferred} costs {costing}, {relation[verdict]} {tolerance:.{places}%}")


def tolerance_of(text: str | None) -> float:
    """A share of the loss such as `0.5%` or `0.005`.

    Raises:
        InputError: The text is no share between 0 and 1.
    """
    if text is None:
        return TOLERANCE
    digits = text.strip()
    try:
        share = float(digits.removesuffix("%")) / (100 if digits.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise InputError(f"--tolerance {text}: expected a share of the loss, such as 0.5%")
    return share
