"""The learning curve of kernel regression with a model's tangent kernel, predicted and measured."""

from __future__ import annotations

import time
from math import inf

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.curvature.flat import trained_parameters
from mutransfer_cli.probes.curves.kernel_curve import (
    DRAWS,
    EXAMPLES,
    Array,
    Point,
    compared_kernel,
    error_interval,
    gaussian_control,
    why_missed,
)
from mutransfer_cli.probes.curves.kernel_domain import POINTS, domain_of
from mutransfer_cli.probes.curves.learning_curve import NETWORKS, learning_curve, network_error
from mutransfer_cli.probes.estimates.seed_intervals import banded
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.layer_outputs import is_prediction, output_of
from mutransfer_cli.probes.subject.time_plan import fitting, seeds_and_sizes
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss

TOLERANCE = 0.05  # of an error
TIMED = 8  # gradients
REGRESSION = 6.0  # seconds of the regressions with one kernel, about
OWN = (
    "; where the network's own errors are not below it, learning features gains nothing: run "
    "`probe features`, and try a larger learning rate"
)
ADVICE = {
    "pass": "read off the curve (--plot) how many examples the kernel needs for an error",
    "fail": "use the measured errors (--plot), not the predicted ones: how many examples a smaller "
    "error takes cannot be computed from this kernel",
    "inconclusive": "repeat it with another --seed, whose examples are others",
}
TRAINED_ON = (
    "batches repeat examples, of which {points} that differ are the domain: the network's own "
    "error with all of them is one on examples that it was trained on"
)
SEVERAL = (
    "of the tensors that the model returns, the loss takes others than the first, which by itself "
    "is no prediction: the network's own errors are left out"
)
METHOD = (
    f"tangent kernel of the first output at up to {POINTS} different examples; error of kernel "
    f"ridge regression on training sets drawn from them, at the others, over {DRAWS} draws, "
    "against the eigenframework, Σ λ/(λ + κ) + δ/κ = n (arXiv 2110.03922), extrapolated to endless "
    "examples; "
    f"beside it the error of the network itself, trained for its steps on as many examples "
    f"({NETWORKS} draws), and on its batches"
)


def probe_kernel(request: ProbeRequest) -> ProbeResult:
    """Compare measured and predicted learning curves at init and after training.

    Args:
        request: What to measure.

    Raises:
        InputError: Examples have no single target, or a loss is not finite.
    """
    proxies = request.measured
    base = proxies.base
    trainee = proxies.train(base, request.seed, {})
    finite_loss(float(trainee.loss(trainee.model, trainee.batch(0)).detach()), 0)
    domain = domain_of(trainee)
    x, values = domain.x, domain.values
    options = seeds_and_sizes((base,), base.steps, 1, 1, 1)
    kernels = 2 * (seconds_of_kernel(trainee, x) + REGRESSION)
    plan = fitting(proxies, request.seed, request.left, options, other=kernels)
    trainee = plan.train(base, request.seed, {})
    target = values - values.mean()
    measures, series, points, last, taken = [], [], list[Point](), {}, 0.0
    for when in ("init", "end of training"):
        if when != "init":
            begun = time.perf_counter()
            for step in range(trainee.steps):
                finite_loss(trainee.step(step), step)
            taken = time.perf_counter() - begun
        kernel = tangent_kernel(trainee, x)
        found = compared_kernel(kernel, target, when, request)
        points += found
        last[when] = found[-1].error.value
        measures += [
            Measure(
                name="mean squared error",
                at={"kernel": when, "examples": p.examples},
                estimate=p.error,
                expected=p.expected,
            )
            for p in found
        ]
        series.append(
            banded(
                Series(
                    name=f"kernel at {when}",
                    panel="learning curve",
                    x_name="examples",
                    y_name="mean squared error",
                    x=tuple(float(n) for n in EXAMPLES),
                    y=(),
                    expected=tuple(p.expected for p in found),
                    expected_name="theory of each kernel",
                ),
                [p.error for p in found],
            )
        )
    comparable = is_prediction(trainee, trainee.batch(0))
    curve, notes = (
        learning_curve(request, EXAMPLES, x, domain.y, values, inf if plan.notes else taken)
        if comparable
        else ({}, [SEVERAL])
    )
    own_errors = {n: error_interval(errors, request.confidence) for n, errors in curve.items()}
    for n, error in own_errors.items():
        measures.append(
            Measure(name="mean squared error of networks", at={"examples": n}, estimate=error)
        )
    if curve:
        series.append(
            banded(
                Series(
                    name="network",
                    panel="learning curve",
                    x_name="examples",
                    y_name="mean squared error",
                    x=tuple(float(n) for n in curve),
                    y=(),
                ),
                list(own_errors.values()),
            )
        )
    verdict, reason = judge([p.ratio for p in points])
    if verdict == "fail":
        worst = max(points, key=lambda p: abs(p.ratio.value - 1))
        control = gaussian_control(worst, request)
        measures.append(control)
        reason += f"; {why_missed(worst, control.estimate)}"
    variance = float((target**2).mean())
    learned, at_init = last["end of training"] / variance, last["init"] / variance
    reason += (
        f"; with {EXAMPLES[-1]} examples the trained kernel leaves {learned:.0%} of the target's "
        f"variance, that at init {at_init:.0%}"
    )
    if comparable:
        own = network_error(trainee, x, values, request.confidence)
        seen = trainee.examples * trainee.steps
        measures.append(
            Measure(name="mean squared error of the network", at={"examples": seen}, estimate=own)
        )
        reason += f"; the network itself, with {seen}, leaves {own.value / variance:.0%}"
    trained_on = (TRAINED_ON.format(points=len(x)),) if domain.repeats and comparable else ()
    return ProbeResult(
        verdict,
        reason,
        tuple(measures),
        METHOD,
        tuple(series),
        ADVICE[verdict] + (OWN if verdict == "pass" and comparable else ""),
        (*plan.notes, *trainee.notes, *trained_on, *notes),
    )


def judge(ratios: list[Interval]) -> tuple[Verdict, str]:
    """The verdict on measured errors divided by predicted ones."""
    worst = max(ratios, key=lambda r: abs(r.value - 1))
    text = f"measured errors are those of theory times {worst} where they differ most"
    assert worst.low is not None and worst.high is not None
    if all(abs(r.value - 1) <= TOLERANCE for r in ratios):
        return "pass", f"theory predicts the learning curve: {text}"
    if worst.low > 1 + TOLERANCE or worst.high < 1 - TOLERANCE:
        return "fail", f"theory misses the learning curve: {text}"
    return "inconclusive", f"more draws would decide: {text}"


def seconds_of_kernel(trainee: Trainee, x: Tensor) -> float:
    """What the gradients of all examples take, by those of a few."""
    started = time.perf_counter()
    tangent_kernel(trainee, x[:TIMED])
    return (time.perf_counter() - started) / TIMED * len(x)


def tangent_kernel(trainee: Trainee, x: Tensor) -> Array:
    """Inner products of the gradients of the first output (points, points).

    Args:
        trainee: Gives the model, which is left in training mode.
        x: Inputs (points, …).
    """
    model, rows = trainee.model, []
    parameters = trained_parameters(model)
    model.eval()
    for example in x:
        output = output_of(model, example[None])
        grads = torch.autograd.grad(output.reshape(-1)[0], parameters, allow_unused=True)
        rows.append(
            torch.cat([g.reshape(-1) for g in grads if g is not None]).detach().double().cpu()
        )
    model.train()
    gradients = torch.stack(rows)
    return np.asarray((gradients @ gradients.T).numpy())
