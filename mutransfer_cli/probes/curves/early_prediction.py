"""The final loss of a run from its first part, and how well that would have gone before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.probe_run import ProbeResult
from mutransfer_cli.surface.loss_curves.final_loss import (
    early_level,
    expected_level,
    predict_final_loss,
)
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve

PANEL, X_NAME, Y_NAME = "loss curves", "share of the run", "loss"
WARNING = 0.99  # confidence at which a run that leaves the others is reported early
PREDICTION = (
    "regression of the final loss (mean of the last tenth) on the loss at the fraction and the "
    "size, over completed runs; without any, extrapolation of the curve as a power of the step"
)


def predicted(
    curve: LossCurve,
    fraction: float,
    references: Sequence[LossCurve],
    confidence: float,
    notes: tuple[str, ...] = (),
) -> ProbeResult:
    """The final loss of a run that is not complete.

    Args:
        curve: Its first part.
        fraction: The share of the run that it holds.
        references: Completed runs.
        confidence: Of the interval.
        notes: What else to say.
    """
    if curve.last is not None:
        notes = (
            *notes,
            f"the curve, up to {curve.last:.4g}, is taken for the first {fraction:.0%} of a run up "
            f"to {curve.last / fraction:.4g}: cut it where it holds more",
        )
    final = predict_final_loss(curve, fraction, references, confidence)
    text = f"the final loss will be {final}, from the first {fraction:.0%}"
    measures = [Measure(name="final loss", at={"size": curve.name or "-"}, estimate=final)]
    verdict: Verdict = "pass"
    advice = "go on if this loss is worth the rest of the run"
    if not references:
        verdict = "inconclusive"
        text += "; of its own curve, with no completed run to compare with"
        advice = "give a run directory or table of smaller, completed runs, and this one as --curve"
    expected = expected_level(curve, fraction, references, WARNING) if references else None
    if expected is not None:
        level = early_level(curve, fraction)
        measures.append(
            Measure(
                name="loss at the fraction",
                at={"size": curve.name or "-"},
                estimate=Interval(value=level),
                expected=expected.value,
            )
        )
        assert expected.low is not None and expected.high is not None
        if not expected.low <= level <= expected.high:
            verdict = "fail"
            text = (
                f"the run leaves the others: its loss is {level:.4g}, expected {expected}; {text}"
            )
            advice = "compare its learning rate, decay and schedule with theirs before going on"
    series = (*_curves([curve, *references]), _end(final, curve))
    return ProbeResult(verdict, text, tuple(measures), PREDICTION, series, advice, notes)


def backtested(
    curves: Sequence[LossCurve], fraction: float, confidence: float, notes: tuple[str, ...]
) -> ProbeResult:
    """Predictions for the runs of the largest size, held against their final losses.

    Args:
        curves: Completed runs.
        fraction: Share of each run that is used.
        confidence: Of the intervals.
        notes: What else to say.

    Raises:
        InputError: The runs are all of one size.
    """
    sizes = sorted({c.size for c in curves if c.size is not None})
    if len(sizes) < 2:
        raise InputError("--predict: expected runs of two sizes or more, or one curve")
    smaller = [c for c in curves if c.size != sizes[-1]]
    largest = [c for c in curves if c.size == sizes[-1]]
    found = [predict_final_loss(c, fraction, smaller, confidence) for c in largest]
    inside = [
        f.low is not None and f.high is not None and f.low <= c.final <= f.high
        for f, c in zip(found, largest, strict=True)
    ]
    error = float(
        np.median([abs(f.value / c.final - 1) for f, c in zip(found, largest, strict=True)])
    )
    measures = tuple(
        Measure(
            name="final loss", at={"size": c.name, "seed": c.seed}, estimate=f, expected=c.final
        )
        for f, c in zip(found, largest, strict=True)
    )
    verdict: Verdict = "pass" if 2 * sum(inside) > len(inside) else "fail"
    reason = (
        f"from the first {fraction:.0%}, {sum(inside)} of {len(inside)} final losses of "
        f"{largest[0].name} are inside their intervals, median error {error:.2%}"
    )
    if verdict == "pass":
        advice = "predict a larger run so from its first part: --curve FILE"
    else:
        advice = "do not predict larger runs from these; `mutransfer probe collapse` names the size"
    series = (*_curves(curves), _end(found[0], largest[0]))
    return ProbeResult(verdict, reason, measures, PREDICTION, series, advice, notes)


def _end(final: Interval, curve: LossCurve) -> Series:
    """A predicted final loss, in the middle of the last tenth, of which it is the mean."""
    assert final.low is not None and final.high is not None
    return Series(
        name=f"predicted for {curve.name or 'this run'}",
        panel=PANEL,
        x_name=X_NAME,
        y_name=Y_NAME,
        x=(0.95,),
        y=(final.value,),
        low=(final.low,),
        high=(final.high,),
    )


def _curves(curves: Sequence[LossCurve]) -> tuple[Series, ...]:
    """One curve for each size, of its first seed, in windows."""
    first = {c.name: c for c in reversed(curves)}
    edges = np.linspace(0.02, 1, 50)
    series = []
    for name, curve in reversed(first.items()):
        known = edges[edges <= curve.progress[-1] + 0.02]
        if len(known) > 1:
            middle = (known[1:] + known[:-1]) / 2
            series.append(
                Series(
                    name=name or "this run",
                    panel=PANEL,
                    x_name=X_NAME,
                    y_name=Y_NAME,
                    x=tuple(middle),
                    y=tuple(curve.levels(list(known))),
                )
            )
    return tuple(series)
