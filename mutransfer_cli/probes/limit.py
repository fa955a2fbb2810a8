"""How far the sizes of a ladder are from the limits of infinite width, depth and small steps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.documents.probe import Measure, Series
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.axis_limit import AxisLimit, axis_limit, fluctuation_of
from mutransfer_cli.probes.estimates.axis_verdict import judge
from mutransfer_cli.probes.estimates.seed_intervals import banded, mean_interval
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.axis_runs import STEP, axis_runs, reduced
from mutransfer_cli.probes.subject.time_plan import fitting
from mutransfer_cli.probes.subject.trained_run import SHARES, TrainedRun, trained_run

BATCHES = 8  # on which losses are measured, none of them trained on
FEWEST_SEEDS = 2
MOST_SEEDS = 8  # as many as there is time for
SEEDS_OF_INTERVALS = 3  # fewest from which a jackknife tells the error of a vector
FACTOR = 10.0  # by which the largest size exceeds the base where a limit counts as reached
VECTORS = {
    "logits": "relative error of the base's logits",
    "kernel": "relative error of the base's features",
}
METHOD = (
    "loss on batches that were not trained on, at the recipe's hyperparameters: limit + c/width, "
    "limit + c/depth or c/√depth, and limit + c·(step size) with the number of steps growing as "
    "it falls; Student's interval over seeds, widened by the misfit. Finite size hurts where the "
    "error is positive (the discretization hypothesis, arXiv 2604.21691). The loss along training, "
    "logits and the kernel of the last features are extrapolated in the same manner"
)


def probe_limit(request: ProbeRequest) -> ProbeResult:
    """Train the rungs of every axis, and at smaller steps, and extrapolate.

    Args:
        request: What to measure.

    Raises:
        InputError: No axis has three sizes, or a loss is not finite.
    """
    proxies = request.measured
    base = proxies.base
    wanted = axis_runs(proxies)
    options = reduced(wanted, base, FEWEST_SEEDS)
    plan = fitting(proxies, request.seed, request.left, options, measuring=BATCHES)
    axes = plan.what
    notes: dict[str, None] = dict.fromkeys(plan.notes)
    runs: dict[tuple[str, float], list[TrainedRun]] = {}
    spread: dict[int, list[NDArray[np.float64]]] = {}
    done, longest = 0, 0.0
    batches: list[Any] = []  # the same for all seeds and sizes
    for seed in range(request.seed, request.seed + MOST_SEEDS):
        if done >= FEWEST_SEEDS and not request.has_time_for(longest):
            notes[f"{done} seeds: no time for more"] = None
            break
        started = time.perf_counter()
        at_base: TrainedRun | None = None
        for axis, points in axes.items():
            for size, shape, hyperparameters in points:
                if shape == base and at_base is not None:
                    run = at_base
                else:
                    trainee = plan.train(shape, seed, hyperparameters)
                    notes.update(dict.fromkeys(trainee.notes))
                    batches = batches or trainee.unseen(BATCHES)
                    run = trained_run(trainee, batches)
                    if axis == "width" or shape == base:
                        spread.setdefault(shape.width, []).append(run.logits)
                if shape == base:
                    at_base = run
                runs.setdefault((axis, size), []).append(run)
        longest, done = max(longest, time.perf_counter() - started), done + 1
    found = [
        axis_limit(
            axis,
            [size for size, _, _ in points],
            [runs[(axis, size)] for size, _, _ in points],
            next(i for i, p in enumerate(points) if p[1] == base),
            request.confidence,
        )
        for axis, points in axes.items()
    ]
    if done < SEEDS_OF_INTERVALS:
        notes[
            f"relative errors of logits and features have no interval from {done} seeds; "
            f"{SEEDS_OF_INTERVALS} give one (--minutes)"
        ] = None
    fluctuation = fluctuation_of(spread, request.confidence)
    missing = [axis for axis in wanted if axis not in axes]
    return _result(found, missing, fluctuation, tuple(notes), request.confidence)


def _result(
    found: Sequence[AxisLimit],
    missing: Sequence[str],
    fluctuation: Interval | None,
    notes: tuple[str, ...],
    confidence: float,
) -> ProbeResult:
    """Verdict, measures and curves.

    Args:
        found: Every axis.
        missing: Axes of the recipe for which there was no time.
        fluctuation: Exponent of the logits' variance over seeds.
        notes: What else to say.
        confidence: Of the intervals.
    """
    loss = float(found[0].losses[found[0].base].mean())
    verdict, reason, advice = judge({a.name: a.error for a in found}, abs(loss), missing)
    measures: list[Measure] = []
    series: list[Series] = []
    more = list(notes)
    for axis in found:
        measures += _measures(axis)
        for what, name in VECTORS.items():
            if what not in axis.vectors:
                more.append(f"{axis.name}: no {name}: the limit does not stand out from its seeds")
        if max(axis.sizes) < FACTOR * min(axis.sizes):
            factor = max(axis.sizes) / min(axis.sizes)
            more.append(
                f"{axis.name}: sizes span a factor of {factor:g}; a limit counts as reached "
                f"after {FACTOR:g}"
            )
        series += _curves(axis, confidence)
    if fluctuation is not None:
        measures.append(
            Measure(
                name="exponent of the width: variance of logits over seeds",
                estimate=fluctuation,
            )
        )
    return ProbeResult(verdict, reason, tuple(measures), METHOD, tuple(series), advice, tuple(more))


def _measures(axis: AxisLimit) -> list[Measure]:
    """The limit along an axis, and how far every size and the base are from it."""
    at: dict[str, int | float | str] = {"axis": axis.name}
    measures = [Measure(name="loss in the limit", at=at, estimate=axis.fit.limit)]
    for size, error in zip(axis.sizes, axis.fit.errors, strict=True):
        value = 1 / size if axis.name == STEP else size
        measures.append(Measure(name="discretization error", at={axis.name: value}, estimate=error))
    measures += [
        Measure(name=name, at=at, estimate=axis.vectors[what])
        for what, name in VECTORS.items()
        if what in axis.vectors
    ]
    for share, limit in zip(SHARES, axis.curve, strict=True):
        place = {**at, "share of the run": share}
        for name, estimate in (
            ("loss along training in the limit", limit.limit),
            ("discretization error along training", limit.errors[axis.base]),
        ):
            measures.append(Measure(name=name, at=place, estimate=estimate))
    return measures


def _curves(axis: AxisLimit, confidence: float) -> list[Series]:
    """The loss along training of the base and in the limit, and the final loss over the sizes."""
    curves = [
        banded(
            Series(
                name=name,
                panel=f"loss along training: {axis.name}",
                x_name="share of the run",
                y_name="training loss",
                x=SHARES,
                y=(),
            ),
            estimates,
        )
        for name, estimates in (
            ("base", axis.base_curve),
            ("limit", [limit.limit for limit in axis.curve]),
        )
    ]
    power = "" if axis.fit.power == 1 else f"^{axis.fit.power:g}"
    fitted = axis.fit.limit.value + np.array([e.value for e in axis.fit.errors])
    final = Series(
        name="seeds' mean",
        panel=f"loss over the {axis.name}",
        x_name=f"1 / {axis.name}{power}" if axis.name != STEP else "relative step size",
        y_name="loss",
        x=tuple(np.array(axis.sizes) ** -axis.fit.power),
        y=(),
        expected=tuple(fitted),
        expected_name=f"limit + c/{axis.name}{power}" if axis.name != STEP else "limit + c·step",
    )
    return [*curves, banded(final, [mean_interval(row, confidence) for row in axis.losses])]
