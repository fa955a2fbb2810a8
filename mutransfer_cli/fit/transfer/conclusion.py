"""What the curves of a comparison show, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from mutransfer_cli.documents.quality import BudgetPoint
from mutransfer_cli.interval import Interval

Side: TypeAlias = Literal["this", "other"]


def better_side(difference: Interval | None) -> Side | None:
    """The side whose loss is lower, where the difference shows one."""
    if difference is None or difference.low is None or difference.high is None:
        return None
    return "this" if difference.high < 0 else "other" if difference.low > 0 else None


def conclusion(points: Sequence[BudgetPoint], names: tuple[str, str], tolerance: float) -> str:
    """What the losses show at all budgets, and what the regrets show beyond that.

    Args:
        points: The curve.
        names: What the sides are called.
        tolerance: Relative difference up to which the sides count as equal.
    """
    known = [p for p in points if p.difference is not None]
    if not known:
        return "the losses at the target cannot be compared"
    parts = []
    for side, name, rival in (("this", names[0], names[1]), ("other", names[1], names[0])):
        better = [p for p in known if p.better == side]
        if len(better) == len(known):
            parts.append(
                f"{name} is better than {rival} at every budget: {rival} does not pay here"
            )
        elif better:
            low, high = better[0].relative, better[-1].relative
            parts.append(
                f"{name} is better than {rival} at {len(better)} of {len(known)} budgets, "
                f"{low:.2g} to {high:.2g} target runs of tuning"
            )
    if not parts:
        parts.append(_no_winner(known, tolerance))
    return "; ".join([*parts, *_of_regrets(points, names)])


def _no_winner(points: Sequence[BudgetPoint], tolerance: float) -> str:
    """Whether the sides are shown to be equal, or nothing is shown."""
    widest = max(max(-(d.low or 0.0), d.high or 0.0) for p in points if (d := p.difference))
    if widest <= tolerance:
        return (
            f"the two differ by at most {widest:.2%} at every budget: neither pays more than the "
            "other here"
        )
    return (
        "no budget shows which is better: the intervals of the difference reach "
        f"{widest:.1%}; add seeds, or rungs nearer the target"
    )


def _of_regrets(points: Sequence[BudgetPoint], names: tuple[str, str]) -> list[str]:
    """Which side's hyperparameters are found more cheaply, where the losses do not show it."""
    found = []
    for side, name in (("this", names[0]), ("other", names[1])):
        cheaper = [p for p in points if better_side(p.regret_difference) == side]
        if any(p.better != side for p in cheaper):
            found.append(
                f"the same budget tunes {name} better at {len(cheaper)} of {len(points)} budgets"
            )
    return found
