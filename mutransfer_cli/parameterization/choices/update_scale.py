"""The scale of Muon's update: what each library's convention means for the learning rate."""

from __future__ import annotations

from collections.abc import Iterator

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.optimizers.shape_factors import LrAdjustment, lr_adjustment, other_names
from mutransfer_cli.parameterization.rows.choice import Choice
from mutransfer_cli.plans.types import PlanData, adjustment_of


def scale_of_update(adjustment: LrAdjustment, at_base: float, at_target: float) -> list[str]:
    """What the convention for the scale of the update does to a tensor's rate.

    Args:
        adjustment: The convention.
        at_base: Its factor at the base.
        at_target: Its factor at the target.
    """
    return [
        f"adjust_lr {adjustment.name}: its factor {adjustment.formula} is {at_base:.4g} at the "
        f"base and {at_target:.4g} here: rate × {at_base / at_target:.4g}"
    ]


def needs(adjustment: LrAdjustment) -> str:
    """What a learning rate quoted in this convention needs, so that it transfers over the width."""
    if adjustment.transfers:
        return "transfers over width as it is"
    if adjustment.width_exponent == 0:
        return "transfers over width while every matrix keeps its ratio of sides"
    return f"needs a rate ∝ width^{-adjustment.width_exponent:g}, which the plan's rates have"


def needs_of_all() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every need with the names of the conventions that have it, in the order of the catalog."""
    groups: dict[str, list[str]] = {}
    for name in LR_ADJUSTMENTS.names:
        groups.setdefault(needs(lr_adjustment(name)), []).append(name)
    for need, names in groups.items():
        yield need.removesuffix(", which the plan's rates have"), tuple(names)


def update_scale_choice(plan: PlanData) -> Choice | None:
    """The choice of the convention; None for an optimizer without one."""
    adjustment = adjustment_of(plan)
    if adjustment is None:
        return None
    same = other_names(adjustment)
    also = f", the same as {', '.join(same)}" if same else ""
    ends = {t.role for t in plan.tensors if t.optimizer == plan.optimizer} - {"hidden"}
    own = f"; of {', '.join(sorted(ends))}: by the factor at their shapes" if ends else ""
    return Choice(
        "scale of Muon's update (optimizer.adjust_lr)",
        f"{adjustment.name}, {adjustment.formula}{also}: {needs(adjustment)}{own}",
        "theory",
        f"{adjustment.row.source}; what transfers: 2310.17813, 2512.05620",
        "; ".join(f"{need}: {', '.join(names)}" for need, names in needs_of_all()),
    )
