"""Whether the loss curves of all sizes have one shape, and what a part of a run predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.curves.curve_table import curves_of_table
from mutransfer_cli.probes.curves.early_prediction import backtested, predicted
from mutransfer_cli.probes.curves.run_curves import best_setting, settings_of_run
from mutransfer_cli.probes.estimates.seed_intervals import banded
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.surface.loss_curves.curve_collapse import (
    FEWEST_FOR_TREND,
    Collapse,
    Departure,
    curve_collapse,
)
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve

HALF = 0.5
LOOSE = 1.25  # ratio of spreads up to which curves count as collapsed
FAR = 2.0  # standard deviations of the seeds by which a size may depart from the others
SHAPES_ALONE = (
    f"with fewer than {FEWEST_FOR_TREND} sizes, shapes are compared and levels of the loss are "
    "not: losses that fall as a power of the steps keep their shape at a wrong learning rate, so "
    f"that {FEWEST_FOR_TREND} sizes tell more"
)
METHOD = (
    "standard deviation of ln ℓ over sizes and seeds, with ℓ = L/L(end), against that of ln L over "
    "seeds: below 1 is a supercollapse (arXiv 2507.02119, irreducible loss taken as 0); each size "
    "against the others, or their trend, paired by seed"
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
                return predicted(alone[0], fraction, (), request.confidence)
        curves, name = curves_of_table(request.table), ""
    else:
        run = request.measured.run
        assert run is not None
        settings = settings_of_run(run)
        if not settings:
            raise InputError(f"{run.path}: no trial finished")
        best = best_setting(settings)
        if len(best.sizes) < 2 and len({size for s in settings for size in s.sizes}) > 1:
            raise InputError(
                f"{run.path}: every size ran settings of its own, and curves are compared at one "
                "setting; sweep a grid (search.sampler: grid, search.seeds: 3)"
            )
        curves, name = best.curves, best.name
    notes = (f"the curves are those at {name}",) if name else ()
    if fraction is None:
        return _collapse(curves, request.confidence, notes)
    if partial is not None:
        mine = curves_of_table(partial, fraction)
        if len(mine) != 1:
            raise InputError(f"{partial}: expected the curve of one run, found {len(mine)}")
        found = predicted(mine[0], fraction, curves, request.confidence, notes)
        return _doubted(found, curves, request.confidence)
    return backtested(curves, fraction, request.confidence, notes)


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
        advice = (
            "what is tuned on a small size carries over; `--predict` warns early where a large run "
            "leaves these curves"
        )
    else:
        verdict, reason = "inconclusive", f"not decided: {text}"
        advice = "more seeds decide it: sweep again with search.seeds: 6, or add them to the table"
        undecided = [d for d in departures if not _near(d)]
        if undecided:
            worst = max(undecided, key=_reach)
            reason += (
                f"; {worst.name} may be off by {_reach(worst):.2g} standard deviations of the seeds"
            )
    if verdict != "fail" and any(d.level is None for d in departures):
        notes = (*notes, SHAPES_ALONE)
    return ProbeResult(verdict, reason, _measures(full, half), METHOD, _series(full), advice, notes)


def _doubted(
    prediction: ProbeResult, curves: Sequence[LossCurve], confidence: float
) -> ProbeResult:
    """A prediction, which is inconclusive where the completed runs have no common shape.

    Args:
        prediction: The prediction.
        curves: The completed runs.
        confidence: Of the intervals.
    """
    try:
        found = _collapse(curves, confidence, ())
    except InputError:  # too few seeds or sizes to say
        return prediction
    if found.verdict != "fail" or prediction.verdict != "pass":
        return prediction
    return replace(
        prediction,
        verdict="inconclusive",
        reason=f"{prediction.reason}; the completed runs, which it rests on, do not collapse: "
        f"{found.reason}",
        advice="compare with runs that collapse (`mutransfer probe collapse RUN`)",
    )


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
    """The normalized curves, and how far each size is from the others, with intervals."""
    places = tuple(float(i + 1) for i in range(len(found.departures)))
    far = Series(
        name="shape",
        panel="each size against the others",
        x_name="size, from the smallest",
        y_name="difference, in seeds' standard deviations",
        x=places,
        y=(),
        expected=(0.0,) * len(places),
        expected_name="alike",
    )
    levels = [d.level for d in found.departures if d.level is not None]
    level = far.model_copy(update={"name": "level", "expected": None})
    return (
        *(
            Series(
                name=d.name,
                panel="normalized loss curves",
                x_name="share of the run",
                y_name="loss / final loss",
                x=tuple(found.progress),
                y=tuple(shape),
            )
            for d, shape in zip(found.departures, found.shapes, strict=True)
        ),
        banded(far, [d.shape for d in found.departures]),
        *([banded(level, levels)] if len(levels) == len(places) else []),
    )


def _parts(departure: Departure) -> list[Interval]:
    return [v for v in (departure.shape, departure.level) if v is not None]


def _distance(departure: Departure) -> float:
    return max(abs(v.value) for v in _parts(departure))


def _reach(departure: Departure) -> float:
    """The largest distance that the intervals of a size allow."""
    return max(max(abs(v.low or 0), abs(v.high or 0)) for v in _parts(departure))


def _far(departure: Departure) -> bool:
    """Whether a size is certainly further from the others than seeds are from each other."""
    return any((v.low or 0) > FAR or (v.high or 0) < -FAR for v in _parts(departure))


def _near(departure: Departure) -> bool:
    """Whether a size is certainly no further."""
    return all(
        v.low is not None and v.high is not None and v.low > -FAR and v.high < FAR
        for v in _parts(departure)
    )
