"""Whether the loss curves of all sizes have one shape, and what a part of a run predicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.curves.curve_table import curves_of_table
from mutransfer_cli.probes.curves.run_curves import best_setting, settings_of_run
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.surface.loss_curves.curve_collapse import Collapse, Departure, curve_collapse
from mutransfer_cli.surface.loss_curves.final_loss import (
    early_level,
    expected_level,
    predict_final_loss,
)
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve

HALF = 0.5
LOOSE = 1.25  # ratio of spreads up to which curves count as collapsed
FAR = 2.0  # standard deviations of the seeds by which a size may depart from the others
WARNING = 0.99  # confidence at which a run that leaves the others is reported early
METHOD = (
    "standard deviation of ln ℓ over sizes and seeds, with ℓ = L/L(end), against that of ln L over "
    "seeds: below 1 is a supercollapse (arXiv 2507.02119, irreducible loss taken as 0); each size "
    "against the others, or their trend, paired by seed"
)
PREDICTION = (
    "regression of the final loss (mean of the last tenth) on the loss at the fraction and the "
    "size, over completed runs; without any, extrapolation of the curve as a power of the step"
)


def probe_collapse(request: ProbeRequest) -> ProbeResult:
    """Compare the loss curves of a run or a table, or predict final losses.

    Args:
        request: What to measure: a run, or a table of curves.

    Raises:
        InputError: There are too few sizes or seeds, or the table has no curves.
    """
    fraction, partial = request.predict, request.curve
    if request.table is not None:
        if fraction is not None and partial is None:
            alone = curves_of_table(request.table, fraction)
            if len(alone) == 1:
                return _predicted(alone[0], fraction, (), request.confidence)
        curves, name = curves_of_table(request.table), ""
    else:
        run = request.measured.run
        assert run is not None
        settings = settings_of_run(run)
        if not settings:
            raise InputError(f"{run.path}: no trial finished")
        best = best_setting(settings)
        curves, name = best.curves, best.name
    notes = (f"the curves are those at {name}",) if name else ()
    if fraction is None:
        return _collapse(curves, request.confidence, notes)
    if partial is not None:
        mine = curves_of_table(partial, fraction)
        if len(mine) != 1:
            raise InputError(f"{partial}: expected the curve of one run, found {len(mine)}")
        return _predicted(mine[0], fraction, curves, request.confidence, notes)
    return _backtested(curves, fraction, request.confidence, notes)


def _collapse(
    curves: Sequence[LossCurve], confidence: float, notes: tuple[str, ...]
) -> ProbeResult:
    """The verdict on whole curves, and on their first half.

    Args:
        curves: The curves.
        confidence: Of the intervals.
        notes: What else to say.
    """
    full = curve_collapse(curves, confidence=confidence)
    half = curve_collapse(curves, HALF, confidence)
    departures = [d for found in (full, half) for d in found.departures]
    far = [d for d in departures if _far(d)]
    text = f"spread over sizes is {full.ratio} times that of seeds"
    advice = None
    verdict: Verdict
    assert full.ratio.low is not None and full.ratio.high is not None
    if far:
        worst = max(far, key=_distance)
        early = any(_far(d) for d in half.departures)
        verdict = "fail"
        reason = (
            f"{worst.name} leaves the other sizes by {_distance(worst):.2g} standard deviations of "
            f"the seeds{', already in the first half' if early else ''}; {text}"
        )
        advice = (
            f"look for what {worst.name} does not share with the others: learning rate, weight "
            "decay, schedule or batch; a rung that is too narrow also shows so"
        )
    elif full.ratio.low > LOOSE:
        verdict, reason = "fail", f"the curves do not collapse: {text}"
        advice = "curves of different shape transfer less well; `mutransfer check` tests the rules"
    elif full.ratio.high <= LOOSE and all(_near(d) for d in departures):
        kind = "supercollapse" if full.ratio.high < 1 else "collapse"
        verdict, reason = "pass", f"{kind}: {text}"
    else:
        verdict, reason = "inconclusive", f"more seeds would decide: {text}"
        undecided = [d for d in departures if not _near(d)]
        if undecided:
            worst = max(undecided, key=_distance)
            reason += f"; {worst.name} is {_distance(worst):.2g} of their deviations off, or not"
    return ProbeResult(verdict, reason, _measures(full, half), METHOD, _series(full), advice, notes)


def _measures(full: Collapse, half: Collapse) -> tuple[Measure, ...]:
    """Ratios, and every size's departure, for complete runs and for their first half."""
    measures = []
    for share, found in ((1.0, full), (HALF, half)):
        at: dict[str, int | float | str] = {"share of the run": share}
        measures.append(Measure(name="spread over sizes / over seeds", at=at, estimate=found.ratio))
        for d in found.departures:
            place = at | {"size": d.name}
            unit = "standard deviations of the seeds"
            for name, value in (("shape against the others", d.shape), ("level", d.level)):
                if value is not None:
                    measures.append(
                        Measure(name=name, at=place, estimate=value, expected=0.0, unit=unit)
                    )
    return tuple(measures)


def _series(found: Collapse) -> tuple[Series, ...]:
    return tuple(
        Series(
            name=d.name,
            panel="normalized loss curves",
            x_name="share of the run",
            y_name="loss / final loss",
            x=tuple(found.progress),
            y=tuple(shape),
        )
        for d, shape in zip(found.departures, found.shapes, strict=True)
    )


def _parts(departure: Departure) -> list[Interval]:
    return [v for v in (departure.shape, departure.level) if v is not None]


def _distance(departure: Departure) -> float:
    return max(abs(v.value) for v in _parts(departure))


def _far(departure: Departure) -> bool:
    """Whether a size is certainly further from the others than seeds are from each other."""
    return any((v.low or 0) > FAR or (v.high or 0) < -FAR for v in _parts(departure))


def _near(departure: Departure) -> bool:
    """Whether a size is certainly no further."""
    return all(
        v.low is not None and v.high is not None and v.low > -FAR and v.high < FAR
        for v in _parts(departure)
    )


def _predicted(
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
    final = predict_final_loss(curve, fraction, references, confidence)
    text = f"the final loss will be {final}, from the first {fraction:.0%}"
    measures = [Measure(name="final loss", at={"size": curve.name or "-"}, estimate=final)]
    verdict: Verdict = "pass"
    advice = None
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
    return ProbeResult(
        verdict, text, tuple(measures), PREDICTION, _curves([curve, *references]), advice, notes
    )


def _backtested(
    curves: Sequence[LossCurve], fraction: float, confidence: float, notes: tuple[str, ...]
) -> ProbeResult:
    """Predictions for the runs of the largest size, held against their final losses.

    Args:
        curves: Completed runs.
        fraction: Share of each run that is used.
        confidence: Of the intervals.
        notes: What else to say.
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
    advice = None if verdict == "pass" else "smaller sizes do not predict this one: find out why"
    return ProbeResult(verdict, reason, measures, PREDICTION, _curves(curves), advice, notes)


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
                    panel="loss curves",
                    x_name="share of the run",
                    y_name="loss",
                    x=tuple(middle),
                    y=tuple(curve.levels(list(known))),
                )
            )
    return tuple(series)
