"""An estimate of the best learning rate from short measurements on the smallest rung.

Three estimators, each times a factor that was calibrated on the recipes of
`tests/benchmarks/predicted_rates.py`:

- `stability`: the rate at which the steps of a run would reach the edge of stability, its own rate
  times threshold over scaled sharpness (arXiv 2103.00065, 2207.14484);
- `critical`: the rate at which the coming update would no longer lower the loss (2601.16979);
- `short runs`: the rate of lowest loss after a tenth of the steps.

Runs of all steps at a few rates then put the best rate between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from math import inf, isfinite, log2

from mutransfer_cli.confidence import percentage
from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.best_rate import MOST_RUNS, Bracket, bracket
from mutransfer_cli.probes.estimates.calibration import Calibration, calibrated
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.probes.subject.time_plan import Option, fitting
from mutransfer_cli.probes.trained_rates import (
    CRITICAL,
    OCTAVES,
    SHARE,
    SHORT,
    STABILITY,
    evaluated,
    raw_estimates,
    short_steps,
    whole_losses,
)
from mutransfer_cli.recipe.size import Size

MEASURING = 170  # steps that the two points of curvature cost, about
WHOLE = "runs of all steps"
BELOW = 0.05  # of the losses' range, at which the interval is drawn below them
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
    "the middle and the ends of that interval, and beyond while no rate on a side is certainly "
    "worse, by differences of the same seed"
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
        whole_runs = partial(whole_losses, proxies, size, seeds)
        found = bracket(whole_runs, estimates[best])
    verdict, reason, advice = judged(best, estimates[best], found, request.thorough)
    measures = [
        Measure(name="learning rate", at={"estimator": name}, estimate=value)
        for name, value in estimates.items()
    ]
    panels = {f"after {SHARE:.0%} of the steps": curve}
    if found is not None:
        span = Interval(value=found.best, low=found.low, high=found.high)
        measures.append(Measure(name="learning rate", at={"estimator": WHOLE}, estimate=span))
        if found.low is not None and found.high is not None:
            both = together(estimates[best], found)
            measures.insert(0, Measure(name="best learning rate", estimate=both))
        panels["after all steps"] = dict(sorted(found.losses.items()))
    answer = next((m for m in measures if not m.at), measures[0]).estimate
    series = tuple(_curves(panels, answer, percentage(request.confidence)))
    reason = f"width {size.width}: {reason}"
    notes = (*plan.notes, *proxies.train(size, request.seed, {}).notes)
    return ProbeResult(verdict, reason, tuple(measures), METHOD, series, advice, notes)


def _curves(
    panels: Mapping[str, Mapping[float, float]], answer: Interval, level: str
) -> Iterator[Series]:
    """Losses by rate, and the interval of the best rate under them.

    Args:
        panels: Losses by rate, by when they were measured; empty for a callable's own rates.
        answer: The best rate.
        level: Of its interval, for people.
    """
    for when, losses in panels.items():
        finite = {log2(rate): loss for rate, loss in losses.items() if isfinite(loss)}
        if not finite:
            continue
        drawn = {f"loss {when}": finite}
        if answer.low is not None and answer.high is not None:
            ends = (log2(rate) for rate in (answer.low, answer.value, answer.high))
            below = min(finite.values()) - BELOW * (max(finite.values()) - min(finite.values()))
            drawn[f"{level} interval of the best rate"] = dict.fromkeys(ends, below)
        for name, curve in drawn.items():
            yield Series(
                name=name,
                panel=f"loss {when}",
                x_name="learning rate (log2)",
                y_name="loss",
                x=tuple(curve),
                y=tuple(curve.values()),
            )


def judged(
    name: str, estimate: Interval, whole: Bracket | None, thorough: bool
) -> tuple[Verdict, str, str]:
    """Verdict, reason and advice.

    Where the best rate falls faster with the number of steps than in the calibrated recipes, or
    slower, only runs of all steps can tell: a noisy quadratic has its best rate at log(T)/T.

    Args:
        name: The estimator of least scatter.
        estimate: What it gives.
        whole: Losses of runs of all steps; None: there were none.
        thorough: Whether such runs must confirm the estimate.
    """
    alone = f"{estimate} ({name}, ±{_reach(estimate):.1f} octaves)"
    if _reach(estimate) > EFFORT:
        advice = f"no start for a search: sweep lr over {_space(estimate)}"
        if name != SHORT:
            advice += "; short runs tell more, and need a recipe (`mutransfer init --model …`)"
        return "inconclusive", f"the best learning rate is about {alone}", advice
    if not thorough:
        return "pass", f"the best learning rate is about {alone}", _sweep(estimate)
    if whole is None:
        reason = f"the best learning rate is about {alone}, which no run of all steps confirms"
        return "inconclusive", reason, _sweep(estimate)
    if whole.low is None and whole.high is None:
        reason = (
            f"the best learning rate is about {alone}, but runs of all steps at rates from 2^"
            f"{log2(min(whole.losses)):.1f} to 2^{log2(max(whole.losses)):.1f} differ by less than "
            "seeds do"
        )
        return "inconclusive", reason, f"any of these rates does; {_sweep(estimate)}"
    if whole.low is None or whole.high is None:
        low, high = (0.0 if end is None else log2(end) for end in (whole.low, whole.high))
        far = f"above 2^{low:.1f}" if whole.low else f"below 2^{high:.1f}"
        if (whole.low or 0) < estimate.value < (whole.high or inf):
            reason = f"the best learning rate is about {alone}; runs of all steps tell only: {far}"
            return "inconclusive", reason, _sweep(estimate)
        reason = f"the best learning rate is {far} by runs of all steps, though not by {alone}"
        return "inconclusive", reason, f"sweep lr over rates {far}"
    both = together(estimate, whole)
    reason = f"the best learning rate is about {both} by short runs and runs of all steps"
    if both.value != estimate.value:
        reason += f"; short runs alone give {estimate}, so this recipe is unlike the calibrated"
    if _reach(both) > EFFORT:
        return "inconclusive", reason, f"sweep lr over {_space(both)}"
    return "pass", reason, _sweep(both)


def together(estimate: Interval, whole: Bracket) -> Interval:
    """An estimate, and between which rates runs of all steps put the best one, as one interval.

    Either may miss it: the first where a recipe is unlike the calibrated ones, and the second where
    rates differ in loss by less than seeds do.

    Args:
        estimate: By the calibrated estimator of least scatter.
        whole: With both ends.
    """
    assert estimate.low is not None and estimate.high is not None
    assert whole.low is not None and whole.high is not None
    return Interval(
        value=estimate.value if estimate.low <= whole.best <= estimate.high else whole.best,
        low=min(estimate.low, whole.low),
        high=max(estimate.high, whole.high),
    )


def _reach(interval: Interval) -> float:
    """Octaves from the middle of an interval to its ends."""
    assert interval.low is not None and interval.high is not None
    return log2(interval.high / interval.low) / 2


def _space(interval: Interval) -> str:
    assert interval.low is not None and interval.high is not None
    return f"log2 [{log2(interval.low):.1f}, {log2(interval.high):.1f}]"


def _sweep(interval: Interval) -> str:
    return f"sweep lr over {_space(interval)} at every width: this number is where a sweep begins"


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
