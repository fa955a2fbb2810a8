"""Predicts loss and optimum at a target from the response surface of a ladder."""

from __future__ import annotations

from mutransfer_cli.catalog.axes import BUILT_IN
from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.documents.predict import ForecastRuns, PredictDocument
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.pilot_base import at_base_of
from mutransfer_cli.fit.forecast.pilot_revision import revised, revision_document
from mutransfer_cli.fit.forecast.pilot_runs import pilot_at
from mutransfer_cli.fit.forecast.target_loss import target_loss
from mutransfer_cli.fit.forecast.target_surface import outside_notes, surface_at
from mutransfer_cli.fit.forecast.unanswered import unanswered
from mutransfer_cli.fit.study.size_axes import Sizes, relative_flops, sizes_of
from mutransfer_cli.fit.target.target_sizes import recipe_sizes, require_above, table_sizes

METHOD = (
    "joint response surface of all runs; the optimum's interval holds the scatter of a rung about "
    "the line of optima and a bend beyond the ladder"
)


def target_sizes(runs: LadderRuns, given: Sizes) -> dict[str, float]:
    """The sizes of the target that a command names.

    Args:
        runs: The ladder.
        given: The sizes that the command names.

    Raises:
        InputError: No target is named, or it is not one of the ladder.
    """
    rungs = [sizes_of(o) for o in runs.observations]
    if runs.recipe is not None:
        target = recipe_sizes(runs.recipe, given)
    else:
        target = table_sizes(rungs, given)
    require_above(rungs, target)
    return target


def predict(
    runs: LadderRuns,
    target: Sizes,
    *,
    confidence: float = CONFIDENCE,
    pilot: LadderRuns | None = None,
) -> PredictDocument:
    """Predict loss and optimum at a target.

    Args:
        runs: The ladder.
        target: The sizes of the target.
        confidence: Confidence level of all intervals, between 0 and 1.
        pilot: Runs at the target that are shorter than it; None: there are none.

    Raises:
        InputError: The pilot is not at the target.
        Inconclusive: No rung has an optimum inside its range.
    """
    at_target = surface_at(runs, target, confidence)
    revision = None
    if pilot is not None:
        measured = pilot_at(at_base_of(pilot, runs.recipe), target)
        before = at_target
        at_target, method = revised(before, runs, measured)
        revision = revision_document(measured, before, at_target, method)
    loss, loss_method, loss_fault = target_loss(at_target)
    reasons = [
        f"the optimum has no interval: {fault}" for fault in [at_target.fault] if fault is not None
    ]
    reasons += [f"the loss {loss_fault}"] if loss_fault is not None else []
    built_in = [row.size for row in BUILT_IN]
    names = (*built_in, *(name for name in target if name not in built_in))
    return PredictDocument(
        source=runs.source,
        target={name: _whole(target.get(name)) for name in names},
        loss=loss,
        optimum=at_target.optimum(),
        regret=at_target.decision.regret,
        distance=at_target.distance,
        confidence=confidence,
        method=f"{METHOD}; {loss_method}",
        reason="; ".join(reasons) or None,
        inconclusive=unanswered(at_target, loss, loss_fault),
        pilot=revision,
        notes=(*runs.notes, *at_target.notes, *outside_notes(at_target)),
    )


def forecast_runs(runs: LadderRuns) -> ForecastRuns:
    """The runs of a prediction, as a forecast names them."""
    largest = max((sizes_of(o) for o in runs.observations), key=relative_flops)
    return ForecastRuns(
        source=runs.source,
        count=len(runs.observations),
        digest=runs.digest,
        largest={name: _whole(size) for name, size in largest.items()},
    )


def _whole(value: float | None) -> int | float | None:
    """A whole number as an integer."""
    return int(value) if value is not None and float(value).is_integer() else value
