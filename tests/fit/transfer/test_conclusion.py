"""Sentences about curves."""

from __future__ import annotations

from mutransfer_cli.documents.quality import BudgetPoint, Tuned
from mutransfer_cli.fit.transfer.conclusion import better_side, conclusion
from mutransfer_cli.interval import Interval

NAMES = ("mup", "sp")
NOTHING = Tuned(by_proxy=None, direct=None, proxy=None, trials=0)
LOWER = Interval(value=-0.1, low=-0.2, high=-0.05)
HIGHER = Interval(value=0.1, low=0.05, high=0.2)
EITHER = Interval(value=0.0, low=-0.001, high=0.002)


def point(difference: Interval | None, regret: Interval = EITHER) -> BudgetPoint:
    return BudgetPoint(
        budget=1.0,
        relative=0.5,
        this=NOTHING,
        other=NOTHING,
        difference=difference,
        regret_difference=regret,
        better=better_side(difference),
    )


def said(*points: BudgetPoint, tolerance: float = 0.005) -> str:
    return conclusion(points, NAMES, tolerance)


def test_the_side_with_the_lower_loss() -> None:
    assert better_side(LOWER) == "this" and better_side(HIGHER) == "other"
    assert better_side(EITHER) is None and better_side(None) is None
    assert better_side(Interval(value=-1.0)) is None  # no bounds, no claim


def test_one_side_everywhere() -> None:
    assert said(point(LOWER), point(LOWER)) == (
        "mup is better than sp at every budget: sp does not pay here"
    )
    assert "mup does not pay here" in said(point(HIGHER))


def test_each_side_somewhere() -> None:
    found = said(point(LOWER), point(HIGHER), point(EITHER))
    assert "mup is better than sp at 1 of 3 budgets" in found
    assert "sp is better than mup at 1 of 3 budgets" in found


def test_equal_is_not_the_same_as_unknown() -> None:
    assert "differ by at most 0.20% at every budget" in said(point(EITHER))
    assert "no budget shows which is better" in said(point(EITHER), tolerance=0.001)


def test_regrets_can_show_more_than_losses() -> None:
    found = said(point(EITHER, regret=LOWER), point(EITHER))
    assert found.endswith("the same budget tunes mup better at 1 of 2 budgets")
    assert "tunes" not in said(point(LOWER, regret=LOWER))  # the losses have said it
    assert "tunes" not in said(point(EITHER))


def test_unknown_losses() -> None:
    assert said(point(None)) == "the losses at the target cannot be compared"
