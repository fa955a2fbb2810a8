"""The quality of a study's transfer, in the units of its hyperparameters and losses."""

from __future__ import annotations

from collections.abc import Mapping

from mutransfer_cli.documents.quality import Quality
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.response.response_surface import interval
from mutransfer_cli.surface.transfer.transfer_quality import (
    Finding,
    asymptotic_penalty,
    fit_error,
    robustness,
)
from mutransfer_cli.surface.transfer.transfer_speed import transfer_speed


def findings(fitted: StudySurface) -> dict[str, Finding]:
    """Draws of fit error, robustness and asymptotic penalty, by the names of their fields.

    Args:
        fitted: The surface of the study.
    """
    surface, order = fitted.surface, fitted.study.ordered
    penalty = asymptotic_penalty(surface, order, fitted.confidence)
    if penalty.draws is not None:
        penalty = Finding(fitted.study.scale.relative(penalty.draws))
    return {
        "fit_error": fit_error(surface, main_hyperparameter(fitted)),
        "robustness": robustness(surface, order),
        "asymptotic_penalty": penalty,
    }


def main_hyperparameter(fitted: StudySurface) -> int:
    """Index of the learning rate; of the first hyperparameter where it was not searched."""
    return fitted.names.index("lr") if "lr" in fitted.names else 0


def quality_of(fitted: StudySurface, unresolved: str | None = None) -> Quality:
    """The quality of the transfer from the smallest rung upward.

    Args:
        fitted: The surface of the study.
        unresolved: Why optima are not resolved; where they are not, nothing is said.
    """
    if unresolved is not None:
        return unknown_quality(unresolved)
    found = findings(fitted)
    speed = transfer_speed(fitted.surface, fitted.study.ordered, fitted.confidence)
    errors = {name: fit_error(fitted.surface, j) for j, name in enumerate(fitted.names)}
    reasons = {name: f.reason for name, f in found.items() if f.reason is not None}
    return Quality(
        **intervals(found, fitted.confidence),
        fast=speed.fast,
        suboptimality_exponent=speed.suboptimality,
        gap_exponent=speed.gap,
        fit_errors={
            name: interval(f.draws, fitted.confidence)
            for name, f in errors.items()
            if f.draws is not None
        },
        reasons={**reasons, "fast": speed.reason},
    )


def unknown_quality(reason: str) -> Quality:
    """The quality of a transfer of which nothing is known, and why."""
    return Quality(
        fit_error=None,
        robustness=None,
        asymptotic_penalty=None,
        fast=None,
        reasons=dict.fromkeys(("fit_error", "robustness", "asymptotic_penalty", "fast"), reason),
    )


def intervals(found: Mapping[str, Finding], confidence: float) -> dict[str, Interval | None]:
    """The interval of every finding; None where there are no draws."""
    return {
        name: None if f.draws is None else interval(f.draws, confidence)
        for name, f in found.items()
    }
