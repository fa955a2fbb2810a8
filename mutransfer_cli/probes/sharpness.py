"""Sharpness along training, in the optimizer's own norm, against its threshold of stability."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.curvature.hessian import DIFFERENCES, DIFFERENCES_NOTE
from mutransfer_cli.probes.estimates.seed_intervals import geometric_interval
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.time_plan import fitting, seeds_and_sizes
from mutransfer_cli.probes.subject.trained_sharpness import (
    BATCHES,
    SMALL_BATCHES,
    Point,
    measured_run,
    measuring_steps,
)
from mutransfer_cli.recipe.size import Size

MOST_WIDTHS = 2  # the smallest and the largest
FEWEST_SEEDS = 2
GROWTH = 3.0  # of the time of a run from one width to the next, until it is measured
EDGE = 0.8, 1.2  # ratios to the threshold that count as the edge: they oscillate (2103.00065)
LOST = "no update lowers the loss of a batch that is not trained on, at any length"
METHOD = (
    "largest eigenvalue of D^½ H D^½ with D = learning rate / preconditioner, by eigsh, on "
    f"{BATCHES} batch that was not trained on; thresholds 2 (gradient descent), 2 + 2β (heavy "
    "ball), (2 + 2β₁)/(1 - β₁) (Adam): arXiv 2103.00065, 2207.14484; critical multiple: the "
    "longest update along the coming one that lowers the loss, by a line search (2601.16979); Lion "
    "and Muon: largest uᵀHu over steps u of their length, by twice the largest gᵀu (2603.05002), "
    f"from below; batch sharpness: mean of gᵀDHDg/gᵀDg over {SMALL_BATCHES} batches (2604.14108)"
)


def probe_sharpness(request: ProbeRequest) -> ProbeResult:
    """Train the proxies of some sizes and measure how close they are to instability.

    Args:
        request: What to measure.

    Raises:
        InputError: A loss is not finite, or no parameter is trained.
    """
    proxies = request.measured
    ratios: dict[Size, list[list[Point]]] = defaultdict(list)
    notes: dict[str, None] = {}
    widths = proxies.widths or proxies.sizes[:1]
    sizes = widths if len(widths) <= MOST_WIDTHS else (widths[0], widths[-1])
    options = seeds_and_sizes(sizes, proxies.base.steps, FEWEST_SEEDS, FEWEST_SEEDS, 1)
    measuring = measuring_steps(proxies.train(sizes[0], request.seed, {}).optimizer)
    plan = fitting(proxies, request.seed, request.left, options, measuring=measuring)
    largest, sizes = sizes[-1], plan.what[0]
    notes.update(dict.fromkeys(plan.notes))
    taken: dict[Size, float] = {}
    for seed in range(request.seed, request.seed + request.seeds):
        for size in sizes:
            if taken and not request.has_time_for(taken.get(size, GROWTH * max(taken.values()))):
                notes[f"width {size.width}, seed {seed} left out: no time left"] = None
                continue
            started = time.perf_counter()
            trainee = plan.train(size, seed, {})
            notes.update(dict.fromkeys(trainee.notes))
            points = measured_run(trainee)
            ratios[size].append(points)
            if any(p.method == DIFFERENCES for p in points):
                notes[DIFFERENCES_NOTE] = None
            notes.update(dict.fromkeys(_without_multiple(points, size)))
            taken[size] = time.perf_counter() - started
    known = all(p.stability is not None for runs in ratios.values() for run in runs for p in run)
    if not known:
        notes["the threshold of this optimizer is not known: judged by the critical multiple"] = (
            None
        )
    peaks = {
        size: [max(found.values()) for run in runs if (found := ratios_of(run, known))]
        for size, runs in ratios.items()
    }
    by_size = {s: geometric_interval(of, request.confidence) for s, of in peaks.items() if of}
    if not by_size:
        advice = "train on larger batches: one step's direction is lost in the noise of its batch"
        return ProbeResult("inconclusive", LOST, (), METHOD, (), advice, tuple(notes))
    return _result(by_size, ratios, known, tuple(notes), request.confidence, largest)


def ratios_of(run: Sequence[Point], known: bool) -> dict[int, float]:
    """How close a run is to the edge, 1 there, by step.

    Args:
        run: Its points.
        known: Whether the threshold of the optimizer is known; else the critical multiple counts,
            and points without one are left out: no length of their update lowers the loss of the
            measured batch, which says nothing of its curvature.
    """
    if known:
        return {p.step: p.stability.ratio for p in run if p.stability is not None}
    return {p.step: 1 / p.critical.value for p in run if p.critical.value > 0}


def _without_multiple(points: Sequence[Point], size: Size) -> list[str]:
    """What is left out of a run whose optimizer has no known threshold."""
    steps = [str(p.step) for p in points if p.stability is None and p.critical.value == 0]
    return [f"width {size.width}, step {step} left out: {LOST}" for step in steps]


def judged(by_size: Mapping[Size, Interval], largest: Size) -> tuple[Verdict, str, str]:
    """Verdict, reason and advice on the largest ratio of the sizes.

    Args:
        by_size: Largest ratio to the threshold along a run, by size.
        largest: The largest size that was to be measured: without it, nothing passes.
    """
    low_edge, high_edge = EDGE
    certain = {s: value for s, value in by_size.items() if value.low is not None}
    size = max(certain or by_size, key=lambda s: by_size[s].value)
    worst = by_size[size]
    low = worst.value if worst.low is None else worst.low
    high = worst.value if worst.high is None else worst.high
    where = f"{worst} of its threshold at width {size.width}, at most along a run"
    verdict: Verdict
    if not certain:
        verdict, reason = "inconclusive", f"one seed has no interval: scaled sharpness is {where}"
        advice = "give it more time (--minutes)"
    elif low > high_edge:
        verdict, reason = "fail", f"beyond the edge of stability: scaled sharpness is {where}"
        advice = (
            f"expect spikes or divergence: divide the learning rate by {worst.value:.2g}, or warm "
            "up longer where the ratio peaks early in the run (--plot)"
        )
    elif high < low_edge and worst.value <= 0:
        verdict, reason = "pass", f"stable: the loss curves upward nowhere: {where}"
        advice = "curvature sets no limit to the learning rate; a sweep finds it"
    elif high < low_edge:
        verdict, reason = "pass", f"stable: scaled sharpness is {where}"
        advice = (
            f"steps stay stable up to about {1 / worst.value:.2g} times this learning rate; the "
            "best one is found by `probe predict-lr` or a sweep"
        )
    elif low > 1:
        verdict, reason = "pass", f"at the edge of stability, and somewhat above it: {where}"
        advice = f"keep this learning rate if the loss falls; else divide the rate by {high:.2g}"
    elif low >= low_edge or high <= high_edge:
        verdict, reason = "pass", f"at or just below the edge of stability: {where}"
        advice = (
            "keep this learning rate, with warmup and decay; a larger one would oscillate, and "
            "loss spikes are near"
        )
    else:
        verdict = "inconclusive"
        reason = f"seeds differ too much: scaled sharpness is {where}"
        safe = f"{1 / high:.2g} times this learning rate is stable at the upper end of the interval"
        advice = f"{safe}; `probe predict-lr` or a sweep finds the best one"
    if verdict == "pass" and largest not in certain:
        verdict = "inconclusive"
        reason += f"; width {largest.width}, which decides whether it transfers, was not measured"
        advice = "give it more time (--minutes): at larger widths the same rate may be too large"
    return verdict, reason, advice


def _result(
    by_size: Mapping[Size, Interval],
    runs: Mapping[Size, list[list[Point]]],
    known: bool,
    notes: tuple[str, ...],
    confidence: float,
    largest: Size,
) -> ProbeResult:
    """The verdict on the largest ratio of the sizes.

    Args:
        by_size: Largest ratio to the threshold along a run, by size.
        runs: The measurements, by size and seed.
        known: Whether the threshold of the optimizer is known.
        notes: Notes of the measurement.
        confidence: Of the intervals.
        largest: The largest size that was to be measured.
    """
    verdict, reason, advice = judged(by_size, largest)
    measures = [
        Measure(name="largest ratio to the threshold", at={"width": s.width}, estimate=value)
        for s, value in by_size.items()
    ]
    measures += [m for s, found in runs.items() for m in _own_measures(s, found, confidence)]
    series = []
    for s, found in runs.items():
        for k, points in enumerate(found):
            near = ratios_of(points, known)
            series.append(
                Series(
                    name=f"width {s.width}" + (f", seed {k}" if len(found) > 1 else ""),
                    panel="ratio to the threshold",
                    x_name="step",
                    y_name="scaled sharpness / threshold",
                    x=tuple(float(step) for step in near),
                    y=tuple(near.values()),
                    expected=tuple(1.0 for _ in near),
                    expected_name="edge of stability",
                )
            )
            if known:
                series.append(
                    Series(
                        name=f"width {s.width}" + (f", seed {k}" if len(found) > 1 else ""),
                        panel="sharpness",
                        x_name="step",
                        y_name="largest eigenvalue of the Hessian",
                        x=tuple(float(p.step) for p in points),
                        y=tuple(p.stability.sharpness for p in points if p.stability),
                    )
                )
    return ProbeResult(verdict, reason, tuple(measures), METHOD, tuple(series), advice, notes)


def _own_measures(size: Size, runs: Sequence[Sequence[Point]], confidence: float) -> list[Measure]:
    """Curvature in the norm of Lion or Muon, and batch sharpness, over seeds.

    Args:
        size: The size.
        runs: Points of every seed.
        confidence: Of the intervals.
    """
    measures = []
    balls = [[p.ball for p in points if p.ball is not None] for points in runs]
    if all(balls):
        estimate = geometric_interval([max(found) for found in balls], confidence)
        name = "largest ratio over steps of the optimizer's length"
        measures.append(Measure(name=name, at={"width": size.width}, estimate=estimate))
    found = [[p.batch for p in points if p.batch is not None] for points in runs]
    if all(found):
        first = found[0][0]
        at: dict[str, int | float | str] = {"width": size.width}
        if first.small < first.large:
            at |= {"small batches settle at": first.small, "large ones at": first.large}
        measures.append(
            Measure(
                name="largest learning rate × batch sharpness",
                at=at,
                estimate=geometric_interval(
                    [max(b.value for b in own) for own in found], confidence
                ),
                expected=first.small if first.small == first.large else None,
            )
        )
    return measures
