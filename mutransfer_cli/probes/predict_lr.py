"""An estimate of the best learning rate from short measurements on the smallest rung.

Three estimators, each times a factor that was calibrated on the recipes of
`tests/benchmarks/predicted_rates.py`:

- `stability`: the rate at which the steps of a run would reach the edge of stability, its own rate
  times threshold over scaled sharpness (arXiv 2103.00065, 2207.14484);
- `critical`: the rate at which the coming update would no longer lower the loss (2601.16979);
- `short runs`: the rate of lowest loss after a tenth of the steps.

Runs of all steps at a few rates then confirm the interval, or show that the recipe is another kind.
"""

from __future__ import annotations

from math import inf, isfinite, log2

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.best_rate import MOST_RUNS, Bracket, bracket
from mutransfer_cli.probes.estimates.calibration import Calibration, calibrated
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.probes.subject.time_plan import Option, fitting
from mutransfer_cli.probes.subject.trained_rates import (
    CRITICAL,
    OCTAVES,
    SHARE,
    SHORT,
    STABILITY,
    evaluated,
    raw_estimates,
    short_steps,
    whole_loss,
)
from mutransfer_cli.recipe.size import Size

MEASURING = 170  # steps that the two points of curvature cost, about
WHOLE = "runs of all steps"
EFFORT = 2.0  # octaves; an interval that reaches further is no start for a sweep


CALIBRATION = {
    STABILITY: Calibration(-1.65, 2.02, 12),
    CRITICAL: Calibration(-0.46, 1.31, 13),
    SHORT: Calibration(-0.99, 0.39, 13),
}
METHOD = (
    "stability: rate × threshold / scaled sharpness (arXiv 2207.14484); critical: rate × longest "
    "multiple of an update that lowers the loss (2601.16979); short runs: the rate of lowest loss "
    f"after {SHARE:.0%} of the steps; each times a factor calibrated on "
    f"{CALIBRATION[SHORT].recipes} recipes, whose scatter is the interval; runs of all steps: at "
    "the middle and the ends of that interval, and beyond where the lowest loss is at an end"
)


def probe_predict_lr(request: ProbeRequest) -> ProbeResult:
    """Estimate the best learning rate of the smallest rung.

    Args:
        request: What to measure.

    Raises:
        InputError: No estimator gives a rate.
    """
    proxies = request.measured
    size = (proxies.widths or proxies.sizes)[0]
    options = _options(proxies, size, request.seeds if request.thorough else 0)
    plan = fitting(proxies, request.seed, request.left, options, fewest_steps=inf)
    short, whole = plan.what
    raw, curve = raw_estimates(proxies, size, request.seed, short)
    if not raw:
        raise InputError(
            "probe predict-lr: no run is stable at any rate that was tried: losses are not finite"
        )
    estimates = {
        name: calibrated(value, CALIBRATION[name], request.confidence)
        for name, value in raw.items()
    }
    best = min(estimates, key=lambda name: CALIBRATION[name].scatter)
    found = None
    if whole and best == SHORT:
        seeds = range(request.seed, request.seed + request.seeds)
        found = bracket(lambda rate: whole_loss(proxies, size, seeds, rate), estimates[best])
    verdict, reason, advice = judged(best, estimates[best], found, request.thorough)
    measures = [
        Measure(name="learning rate", at={"estimator": name}, estimate=value)
        for name, value in estimates.items()
    ]
    panels = {f"after {SHARE:.0%} of the steps": curve}
    if found is not None:
        span = Interval(value=found.best, low=found.low, high=found.high)
        measures.append(Measure(name="learning rate", at={"estimator": WHOLE}, estimate=span))
        panels["after all steps"] = dict(sorted(found.losses.items()))
    series = tuple(
        Series(
            name=f"loss {panel}",
            panel=f"loss {panel}",
            x_name="learning rate (log2)",
            y_name="loss",
            x=tuple(log2(rate) for rate, loss in losses.items() if isfinite(loss)),
            y=tuple(loss for loss in losses.values() if isfinite(loss)),
        )
        for panel, losses in panels.items()
        if losses  # a callable with rates of its own has no short runs
    )
    reason = f"width {size.width}: {reason}"
    notes = (*plan.notes, *proxies.train(size, request.seed, {}).notes)
    return ProbeResult(verdict, reason, tuple(measures), METHOD, series, advice, notes)


def judged(
    name: str, estimate: Interval, whole: Bracket | None, thorough: bool
) -> tuple[Verdict, str, str]:
    """Verdict, reason and advice.

    Recipes whose best rate falls faster with the number of steps than that of the calibrated ones,
    or slower, are told by runs of all steps: a noisy quadratic has its best rate at log(T)/T.

    Args:
        name: The estimator of least scatter.
        estimate: What it gives.
        whole: Losses of runs of all steps; None: there were none.
        thorough: Whether such runs must confirm the estimate.
    """
    assert estimate.low is not None and estimate.high is not None
    reach = log2(estimate.high / estimate.low) / 2
    space = f"log2 [{log2(estimate.low):.1f}, {log2(estimate.high):.1f}]"
    where = f"the best learning rate is about {estimate} ({name}, ±{reach:.1f} octaves)"
    if reach > EFFORT:
        return "inconclusive", where, f"no start for a search: try rates over {space}"
    advice = (
        f"sweep lr over {space}, which `search: {{start: probe}}` does by itself: this number is "
        "where a sweep begins, not the best rate"
    )
    if not thorough:
        return "pass", where, advice
    if whole is None:
        return "inconclusive", f"{where}, which no run of all steps confirms", advice
    if whole.within(estimate):
        return "pass", f"{where}; runs of all steps agree", advice
    low, high = (None if end is None else f"{log2(end):.1f}" for end in (whole.low, whole.high))
    if low and high:
        place, advice = f"between 2^{low} and 2^{high}", f"sweep lr over log2 [{low}, {high}]"
    elif high:
        place, advice = f"below 2^{high}", f"sweep lr over rates below 2^{high}"
    else:
        place, advice = f"above 2^{low}", f"sweep lr over rates above 2^{low}"
    reason = (
        f"{where} by the recipes that it was calibrated on, but runs of all steps put it {place}"
    )
    return "inconclusive", reason, advice


def _options(proxies: Proxies, size: Size, seeds: int) -> list[Option[tuple[bool, bool]]]:
    """Whether there are short runs, and runs of all steps; measuring is counted in steps."""
    steps = short_steps(size.steps)
    edge = [(size, steps + MEASURING)]
    if proxies.learning_rate <= 0:
        return [Option((False, False), edge)]
    comparing = evaluated(size.batch)  # a forward pass costs a step at most
    short = [(size, steps + comparing)] * len(OCTAVES) + edge
    whole = [(size, size.steps + comparing)] * MOST_RUNS * seeds
    confirmed = [Option((True, True), short + whole)] if seeds else []
    alone = Option((True, False), short, "no time for runs of all steps" if seeds else "")
    return [*confirmed, alone, Option((False, False), edge, "no time for short runs")]
