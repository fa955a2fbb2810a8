"""Sharpness along training, in the optimizer's own norm, against its threshold of stability."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.curvature.critical_rate import CriticalRate, critical_learning_rate
from mutransfer_cli.probes.curvature.flat import trained_parameters
from mutransfer_cli.probes.curvature.hessian import DIFFERENCES, DIFFERENCES_NOTE, Hessian
from mutransfer_cli.probes.curvature.stability import Stability, has_threshold, stability
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult, mean_interval
from mutransfer_cli.probes.subject.time_plan import fitting, seeds_and_sizes
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss
from mutransfer_cli.recipe.size import Size

POINTS = 3  # along a run
BATCHES = 1  # of a measurement, none of them trained on
TOLERANCE = 0.03  # of an eigenvalue
MOST_WIDTHS = 2  # the smallest and the largest
FEWEST_SEEDS = 2
MEASURING = 250  # steps that the three points of a run cost, about
GROWTH = 3.0  # of the time of a run from one width to the next, until it is measured
EDGE = (
    0.8,
    1.2,
)  # ratios to the threshold that count as the edge: oscillation about 1 (2103.00065)
METHOD = (
    "largest eigenvalue of D^½ H D^½ with D = learning rate / preconditioner, by eigsh, on "
    f"{BATCHES} batch that was not trained on; thresholds 2 (gradient descent), 2 + 2β (heavy "
    "ball), (2 + 2β₁)/(1 - β₁) (Adam): arXiv 2103.00065, 2207.14484; critical multiple: the "
    "longest update along the coming one that lowers the loss, by a line search (2601.16979)"
)


@dataclass(frozen=True)
class Point:
    """A measurement between two steps.

    Attributes:
        step: Number of steps taken.
        stability: Sharpness and threshold; None where the optimizer's threshold is not known.
        critical: The critical multiple of the coming update.
        method: How products with the Hessian were computed.
    """

    step: int
    stability: Stability | None
    critical: CriticalRate
    method: str


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
    plan = fitting(proxies, request.seed, request.left, options, measuring=MEASURING)
    sizes = plan.what[0]
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
            taken[size] = time.perf_counter() - started
    known = all(p.stability is not None for runs in ratios.values() for run in runs for p in run)
    if not known:
        notes["the threshold of this optimizer is not known: judged by the critical multiple"] = (
            None
        )
    by_size = {size: _peak(runs, known, request.confidence) for size, runs in ratios.items()}
    return _result(by_size, ratios, known, tuple(notes))


def measured_run(trainee: Trainee) -> list[Point]:
    """Train to the end; measure between steps, closer together at first.

    Args:
        trainee: What to train.

    Raises:
        InputError: A loss is not finite, or no parameter is trained.
    """
    last = trainee.steps - 1
    places = {max(1, round(x)) for x in np.geomspace(max(2.0, last / 30), last, POINTS)}
    hessian = Hessian(trainee.model, trainee.loss, trainee.unseen(BATCHES))
    measurable = has_threshold(trainee.optimizer)
    points: list[Point] = []
    start: tuple[Tensor, Tensor] | None = None
    for step in range(trainee.steps):
        measured = step in places
        found = None
        if measured and measurable:
            found = stability(hessian, trainee.optimizer, start, TOLERANCE)
            start = found.vectors
        before = [p.detach().clone() for p in trained_parameters(trainee.model)] if measured else []
        if measured:
            hessian.loss()  # refuses one that is not finite
        finite_loss(trainee.step(step), step)
        if measured:
            points.append(Point(step, found, _critical(hessian, trainee, before), hessian.method))
    return points


def _critical(hessian: Hessian, trainee: Trainee, before: list[Tensor]) -> CriticalRate:
    """The critical multiple of the update that was just made; the weights stay as they are."""
    parameters = trained_parameters(trainee.model)
    after = [p.detach().clone() for p in parameters]
    update = [b - a for a, b in zip(before, after, strict=True)]
    for p, old in zip(parameters, before, strict=True):
        p.data.copy_(old)

    def loss() -> float:
        values = [float(trainee.loss(trainee.model, b).detach()) for b in hessian.batches]
        return sum(values) / len(values)

    found = critical_learning_rate(loss, parameters, update)
    for p, new in zip(parameters, after, strict=True):
        p.data.copy_(new)
    return found


def _ratio(point: Point, known: bool) -> float:
    """How close a point is to the edge: 1 there."""
    if known and point.stability is not None:
        return point.stability.ratio
    return 1 / point.critical.value if point.critical.value > 0 else float("inf")


def _peak(runs: list[list[Point]], known: bool, confidence: float) -> Interval:
    """The largest ratio along a run, over seeds."""
    return mean_interval([max(_ratio(p, known) for p in run) for run in runs], confidence)


def _result(
    by_size: Mapping[Size, Interval],
    runs: Mapping[Size, list[list[Point]]],
    known: bool,
    notes: tuple[str, ...],
) -> ProbeResult:
    """The verdict on the largest ratio of the sizes.

    Args:
        by_size: Largest ratio to the threshold along a run, by size.
        runs: The measurements, by size and seed.
        known: Whether the threshold of the optimizer is known.
        notes: Notes of the measurement.
    """
    low_edge, high_edge = EDGE
    certain = {s: value for s, value in by_size.items() if value.low is not None}
    size = max(certain or by_size, key=lambda s: by_size[s].value)
    worst = by_size[size]
    low = worst.value if worst.low is None else worst.low
    high = worst.value if worst.high is None else worst.high
    where = f"{worst} of its threshold at width {size.width}, at most along a run"
    advice = None
    verdict: Verdict
    if not certain:
        verdict, reason = "inconclusive", f"one seed has no interval: scaled sharpness is {where}"
        advice = "give it more time (--minutes)"
    elif low > high_edge:
        verdict, reason = "fail", f"beyond the edge of stability: scaled sharpness is {where}"
        advice = f"expect spikes or divergence; divide the learning rate by {worst.value:.2g}"
    elif high < low_edge:
        verdict, reason = "pass", f"stable: scaled sharpness is {where}"
        advice = (
            f"steps stay stable up to about {1 / worst.value:.2g} times this learning rate; which "
            "rate is best, `probe predict-lr` or a sweep says"
        )
    elif low >= low_edge or high <= high_edge:
        verdict, reason = "pass", f"at or just below the edge of stability: {where}"
        advice = "a larger learning rate would oscillate; warmup and decay keep this one stable"
    else:
        verdict = "inconclusive"
        reason = f"seeds differ too much: scaled sharpness is {where}"
        advice = "measure along more steps or seeds (--minutes)"
    measures = [
        Measure(
            name="largest ratio to the threshold",
            at={"width": s.width},
            estimate=value,
            expected=None,
        )
        for s, value in by_size.items()
    ]
    series = []
    for s, found in runs.items():
        for k, points in enumerate(found):
            steps = tuple(float(p.step) for p in points)
            series.append(
                Series(
                    name=f"width {s.width}" + (f", seed {k}" if len(found) > 1 else ""),
                    panel="ratio to the threshold",
                    x_name="step",
                    y_name="scaled sharpness / threshold",
                    x=steps,
                    y=tuple(_ratio(p, known) for p in points),
                    expected=tuple(1.0 for _ in points),
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
                        x=steps,
                        y=tuple(p.stability.sharpness for p in points if p.stability),
                    )
                )
    return ProbeResult(verdict, reason, tuple(measures), METHOD, tuple(series), advice, notes)
