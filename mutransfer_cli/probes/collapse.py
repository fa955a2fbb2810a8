"""Whether the loss curves of all sizes have one shape, and what a part of a run predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curves.curve_table import curves_of_table
from mutransfer_cli.probes.curves.early_prediction import backtested, predicted
from mutransfer_cli.probes.curves.run_curves import best_setting, settings_of_run
from mutransfer_cli.probes.estimates.seed_intervals import banded
from mutransfer_cli.probes.estimates.size_departures import (
    FAR,
    SMOOTH,
    distance,
    far_sizes,
    is_near,
    reach,
    suspects,
)
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.surface.loss_curves.curve_collapse import (
    FEWEST_FOR_TREND,
    Collapse,
    curve_collapse,
)
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve

HALF = 0.5
LOOSE = 1.25  # ratio of spreads up to which curves count as collapsed
SHAPES_ALONE = (
    "a size whose whole curve is shifted, as at a wrong learning rate where the loss falls as a "
    f"power of the steps, cannot be told from what its size gains: {FEWEST_FOR_TREND} sizes are "
    "needed to compare levels"
)
MORE_SIZES = f"sweep a ladder of {FEWEST_FOR_TREND} sizes or more, or add sizes to the table"
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
    shapes_alone = any(d.level is None for d in departures)
    late, early = far_sizes(full), far_sizes(half)
    text = f"spread over sizes is {full.ratio} times that of seeds"
    advice = None
    verdict: Verdict
    assert full.ratio.low is not None and full.ratio.high is not None
    if late or early:
        first, *others = suspects((*late, *early))
        off = max(distance(d) for d in (*late, *early) if d.name == first)
        verdict = "fail"
        reason = (
            f"{first} leaves the other sizes by {off:.2g} standard deviations of "
            f"the seeds{', already in the first half' if early else ''}; {text}"
        )
        if others:
            reason += f"; the fault may also be that of {' or '.join(others)}"
        advice = (
            f"look for what {first} does not share with the others: learning rate, weight "
            "decay, schedule or batch; a rung that is too narrow also shows so"
        )
    elif full.ratio.low > LOOSE and full.spread > SMOOTH:
        verdict, reason = "fail", f"the curves do not collapse: {text}"
        advice = "curves of different shape transfer less well; `mutransfer check` tests the rules"
    elif full.ratio.low > LOOSE:
        verdict = "inconclusive"
        reason = (
            f"the curves do not collapse: {text}, but only {full.spread:.2g} of the loss, which a "
            "loss that no size reduces makes too, and so does a rate that drifts with the size"
        )
        advice = (
            "the best learning rates of the sizes decide it: `mutransfer fit` of a sweep over rates"
        )
    elif full.ratio.high <= LOOSE and all(is_near(d) for d in departures):
        kind = "supercollapse" if full.ratio.high < 1 else "collapse"
        if shapes_alone:
            verdict = "inconclusive"
            reason = (
                f"the shapes agree ({kind}: {text}), but with {len(full.departures)} sizes levels "
                f"of the loss are not compared: {SHAPES_ALONE}"
            )
            advice = MORE_SIZES
        else:
            off = FAR * full.seed_spread
            verdict = "pass"
            reason = f"{kind}: {text}; no size is off by {off:.2g} of the loss or more"
            advice = (
                "what is tuned on a small size carries over; `--predict` warns early where a large "
                "run leaves these curves"
            )
    else:
        verdict, reason = "inconclusive", f"not decided: {text}"
        more = 2 * len({c.seed for c in curves})
        advice = (
            f"more seeds decide it: sweep again with search.seeds: {more}, or add them to the table"
        )
        if shapes_alone:
            advice = f"{MORE_SIZES}, with more seeds (search.seeds: {more})"
        undecided = [d for d in departures if not is_near(d)]
        if undecided:
            worst = max(undecided, key=reach)
            reason += (
                f"; {worst.name} may be off by {reach(worst):.2g} standard deviations of the seeds"
            )
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
