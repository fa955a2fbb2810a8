"""An estimate of the best learning rate from short measurements on the smallest rung.

Three estimators, each times a factor that was calibrated on the recipes of
`tests/benchmarks/predicted_rates.py`:

- `stability`: the rate at which the steps of a run would reach the edge of stability, its own rate
  times threshold over scaled sharpness (arXiv 2103.00065, 2207.14484);
- `critical`: the rate at which the coming update would no longer lower the loss (2601.16979);
- `short runs`: the rate of lowest loss after a tenth of the steps.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import inf, isfinite, log2

import numpy as np
import torch

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curvature.critical_rate import critical_learning_rate
from mutransfer_cli.probes.curvature.flat import trained_parameters
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.stability import has_threshold, stability
from mutransfer_cli.probes.estimates.calibration import Calibration, calibrated
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.probes.subject.time_plan import Option, fitting
from mutransfer_cli.probes.subject.trainee import Trainee
from mutransfer_cli.recipe.size import Size

SHARE = 0.1  # of a run, at its end of which short runs are compared
POINTS = (0.5, 1.0)  # of that share, where curvature is measured
OCTAVES = tuple(range(-6, 7))  # of the short runs, about the recipe's rate
EXAMPLES = 1024  # on which short runs are compared, about
TOLERANCE = 0.05  # of an eigenvalue
MEASURING = 170  # steps that the two points of curvature cost, about
STABILITY, CRITICAL, SHORT = "stability", "critical", "short runs"
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
    f"{CALIBRATION[SHORT].recipes} recipes, whose scatter is the interval"
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
    started = time.perf_counter()
    plan = fitting(proxies, request.seed, request.left, _options(proxies, size), fewest_steps=inf)
    raw, curve = raw_estimates(proxies, size, request.seed, plan.what)
    if not raw:
        raise InputError(
            "probe predict-lr: no run is stable at any rate that was tried: losses are not finite"
        )
    estimates = {
        name: calibrated(value, CALIBRATION[name], request.confidence)
        for name, value in raw.items()
    }
    best = min(estimates, key=lambda name: CALIBRATION[name].scatter)
    chosen = estimates[best]
    measures = [
        Measure(name="learning rate", at={"estimator": name}, estimate=value)
        for name, value in estimates.items()
    ]
    assert chosen.low is not None and chosen.high is not None
    reach = log2(chosen.high / chosen.low) / 2
    verdict: Verdict = "pass" if reach <= EFFORT else "inconclusive"
    reason = (
        f"the best learning rate of width {size.width} is about {chosen} ({best}, ±{reach:.1f} "
        f"octaves; {time.perf_counter() - started:.0f} s)"
    )
    space = f"log2 [{log2(chosen.low):.1f}, {log2(chosen.high):.1f}]"
    advice = (
        f"sweep lr over {space}, which `search: {{start: probe}}` does by itself: this number is "
        "where a sweep begins, not the best rate"
        if proxies.learning_rate > 0
        else f"try rates over {space}; this number is where a search begins, not the best rate"
    )
    series = Series(
        name="short runs",
        panel="loss after a tenth of the steps",
        x_name="log2 of the learning rate",
        y_name="loss",
        x=tuple(log2(rate) for rate in curve),
        y=tuple(curve.values()),
    )
    notes = (*plan.notes, *proxies.train(size, request.seed, {}).notes)
    curves = (series,) if curve else ()  # a callable with rates of its own has no short runs
    return ProbeResult(verdict, reason, tuple(measures), METHOD, curves, advice, notes)


def _options(proxies: Proxies, size: Size) -> list[Option[bool]]:
    """All three estimators, and those without short runs; measuring is counted in steps."""
    steps = short_steps(size.steps)
    edge = [(size, steps + MEASURING)]
    comparing = _evaluated(size.batch)  # a forward pass costs a step at most
    runs = [(size, steps + comparing)] * len(OCTAVES) if proxies.learning_rate > 0 else []
    return [Option(True, runs + edge), Option(False, edge, "no time for short runs")]


def raw_estimates(
    proxies: Proxies, size: Size, seed: int, short: bool = True
) -> tuple[dict[str, float], dict[float, float]]:
    """The rate that each estimator gives, and the losses of the short runs by rate.

    Args:
        proxies: What is trained.
        size: The rung.
        seed: The seed.
        short: Whether there are short runs.
    """
    rate = proxies.learning_rate
    found: dict[str, float] = {}
    losses: dict[float, float] = {}
    if rate > 0 and short:
        for octave in OCTAVES:
            trial = proxies.train(size, seed, {"lr": rate * 2.0**octave})
            losses[rate * 2.0**octave] = short_loss(trial)
        finite = {r: loss for r, loss in losses.items() if isfinite(loss)}
        if finite:
            found[SHORT] = minimum(finite)
            rate = found[SHORT]
    trainee = proxies.train(size, seed, {"lr": rate} if proxies.learning_rate > 0 else {})
    own = rate if rate > 0 else _rate_of(trainee)
    found.update({n: own * multiple for n, multiple in edge_multiples(trainee).items()})
    return found, {r: loss for r, loss in losses.items() if isfinite(loss)}


def minimum(losses: Mapping[float, float]) -> float:
    """The rate at the vertex of the parabola through the lowest loss and its neighbours.

    Args:
        losses: Losses by rate.
    """
    rates = sorted(losses)
    i = min(range(len(rates)), key=lambda k: losses[rates[k]])
    if not 0 < i < len(rates) - 1:
        return rates[i]
    x = np.log2(rates[i - 1 : i + 2])
    a, b, _ = np.polyfit(x, [losses[r] for r in rates[i - 1 : i + 2]], 2)
    return float(2 ** (-b / (2 * a))) if a > 0 else rates[i]


def short_loss(trainee: Trainee) -> float:
    """The loss on unseen batches after a tenth of the steps; infinite where it diverges."""
    for step in range(short_steps(trainee.steps)):
        loss = trainee.step(step)
        if not isfinite(loss):
            return inf
    return _mean_loss(trainee, trainee.unseen(_evaluated(trainee.examples)))


def short_steps(steps: int) -> int:
    """Number of steps of a short run."""
    return max(2, round(SHARE * steps))


def _evaluated(examples: int) -> int:
    """Number of batches of so many examples on which short runs are compared."""
    return max(4, EXAMPLES // examples)


def edge_multiples(trainee: Trainee) -> dict[str, float]:
    """By how much the rate could grow until steps are unstable, or no longer lower the loss.

    The smallest over the points of a short run.

    Args:
        trainee: What is trained.
    """
    steps = short_steps(trainee.steps)
    points = {max(1, round(share * steps)) - 1 for share in POINTS}
    batches = trainee.unseen(1)
    hessian = Hessian(trainee.model, trainee.loss, batches)
    known = has_threshold(trainee.optimizer)
    peak = _rate_of(trainee)  # before the schedule has changed it
    parameters = trained_parameters(trainee.model)
    found: dict[str, list[float]] = {}
    for step in range(steps):
        if step in points and known:
            try:
                ratio = stability(hessian, trainee.optimizer, None, TOLERANCE).ratio
            except InputError:
                ratio = 0.0
            if ratio > 0:
                found.setdefault(STABILITY, []).append(_rate_of(trainee) / peak / ratio)
        before = [p.detach().clone() for p in parameters]
        loss = trainee.step(step)
        if not isfinite(loss):
            break
        if step in points:
            update = [p.detach() - old for p, old in zip(parameters, before, strict=True)]
            for p, old in zip(parameters, before, strict=True):
                p.data.copy_(old)
            multiple = critical_learning_rate(
                lambda: _mean_loss(trainee, batches), parameters, update
            ).value
            for p, old, by in zip(parameters, before, update, strict=True):
                p.data.copy_(old + by)
            if multiple > 0 and isfinite(multiple):
                found.setdefault(CRITICAL, []).append(_rate_of(trainee) / peak * multiple)
    return {name: min(values) for name, values in found.items()}


def _mean_loss(trainee: Trainee, batches: Sequence[object]) -> float:
    with torch.no_grad():
        values = [float(trainee.loss(trainee.model, b)) for b in batches]
    return sum(values) / len(values)


def _rate_of(trainee: Trainee) -> float:
    """The largest learning rate of an optimizer's groups."""
    parts = getattr(trainee.optimizer, "parts", [trainee.optimizer])
    return max(float(group["lr"]) for part in parts for group in part.param_groups)
