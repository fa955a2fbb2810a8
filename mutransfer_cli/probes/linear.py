"""Deep linear networks, whose training by gradient flow is known exactly.

From balanced, aligned weights, every mode of a network with two layers trains by itself: the
strength of a mode is u(t) = λ / (1 + (λ/u₀ - 1) e^(-2λt)) for the loss ½|W₂W₁ - A|² and a target A
with singular values λ (Saxe, McClelland and Ganguli, arXiv 1312.6120, equation 6). It is half of λ
at t = ln(λ/u₀ - 1)/(2λ). Gradient flow conserves W₁W₁ᵀ - W₂ᵀW₂; gradient descent of step size η
breaks it at order η: of ΔW₁ = -ηG₁ and ΔW₂ = -ηG₂, the first-order terms of its change cancel, and
η²(G₁G₁ᵀ - G₂ᵀG₂) remains of every step, hence η times its integral over a fixed time. From balanced
weights that is 0 as well, so that it is measured from unbalanced ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import torch
from torch import Tensor

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult

MODES = (3.0, 2.0, 1.0)  # λ
START = 1e-3  # u₀
WIDTH = 16
STEP_SIZES = (2e-3, 1e-3)
LIMIT = 0.01  # relative error at the smaller step size
UNBALANCED_TIME = 1.0  # over which the change of an imbalance is measured
HALVING = (1.7, 2.3)  # ratio of the errors of two step sizes, 2 where the error is of order η
METHOD = (
    "gradient descent in float64 on two layers of width 16, modes 3, 2 and 1 from 0.001, against "
    "u(t) = λ/(1 + (λ/u₀ - 1) e^(-2λt)) (arXiv 1312.6120); change of W₁W₁ᵀ - W₂ᵀW₂ from random "
    f"weights over the time {UNBALANCED_TIME:g}, of order η"
)


@dataclass(frozen=True)
class ModeRun:
    """Strengths of modes along gradient descent.

    Attributes:
        times: Step size times number of steps, at every measurement.
        strengths: Strength of every mode at every time (times, modes).
        error: Largest error of a strength, relative to its λ.
        halves: Time at which each mode had half of its λ.
        imbalance: Largest entry of W₁W₁ᵀ - W₂ᵀW₂ along the run; it begins with 0.
    """

    times: tuple[float, ...]
    strengths: tuple[tuple[float, ...], ...]
    error: float
    halves: tuple[float, ...]
    imbalance: float


def mode_strength(time: float, target: float, start: float) -> float:
    """The exact strength of a mode of a two-layer network.

    Args:
        time: Time t of gradient flow.
        target: λ, the singular value of the target.
        start: u₀, the strength at t = 0.
    """
    return target / (1 + (target / start - 1) * exp(-2 * target * time))


def half_time(target: float, start: float) -> float:
    """When a mode has half of its target: ln(λ/u₀ - 1)/(2λ).

    Args:
        target: λ, the singular value of the target.
        start: u₀, the strength at t = 0.
    """
    return log(target / start - 1) / (2 * target)


def train_modes(
    modes: Sequence[float], start: float, step_size: float, width: int = WIDTH, seed: int = 0
) -> ModeRun:
    """Train a two-layer linear network by gradient descent, and measure its modes.

    Args:
        modes: Singular values λ of the target, at most as many as the width.
        start: Strength u₀ of every mode at the start.
        step_size: Step size η.
        width: Width of the hidden layer.
        seed: Seed of the random rotations.
    """
    generator = torch.Generator().manual_seed(seed)
    n = len(modes)

    def rotation(size: int) -> Tensor:
        noise = torch.randn(size, size, generator=generator, dtype=torch.float64)
        orthogonal: Tensor = torch.linalg.qr(noise).Q
        return orthogonal

    left, right, hidden = rotation(n), rotation(n), rotation(width)[:, :n]
    values = torch.tensor(modes, dtype=torch.float64)
    target = left @ torch.diag(values) @ right.T
    first = torch.nn.Parameter(start**0.5 * hidden @ right.T)  # W₁ (width, n)
    second = torch.nn.Parameter(start**0.5 * left @ hidden.T)  # W₂ (n, width)
    optimizer = torch.optim.SGD([first, second], lr=step_size)
    end = 1.5 * half_time(min(modes), start)
    steps = round(end / step_size)
    every = max(1, steps // 200)
    times, strengths, error, imbalance = [], [], 0.0, 0.0
    halves = [float("nan")] * n
    for step in range(steps + 1):
        with torch.no_grad():
            found = torch.diagonal(left.T @ second @ first @ right).tolist()
        for i, (u, mode) in enumerate(zip(found, modes, strict=True)):
            if u >= mode / 2 and halves[i] != halves[i]:
                halves[i] = step * step_size
        if step % every == 0:
            time = step * step_size
            exact = [mode_strength(time, mode, start) for mode in modes]
            error = max(
                error, *(abs(u - e) / m for u, e, m in zip(found, exact, modes, strict=True))
            )
            with torch.no_grad():
                difference = first @ first.T - second.T @ second
            imbalance = max(imbalance, float(difference.abs().max()))
            times.append(time)
            strengths.append(tuple(found))
        loss = 0.5 * ((second @ first - target) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        optimizer.step()
    return ModeRun(tuple(times), tuple(strengths), error, tuple(halves), imbalance)


def imbalance_change(step_size: float, width: int = WIDTH, seed: int = 0) -> float:
    """Frobenius norm of the change of W₁W₁ᵀ - W₂ᵀW₂ from an unbalanced start, over a fixed time.

    Args:
        step_size: Step size η.
        width: Width of the hidden layer.
        seed: Seed of the weights.
    """
    n = len(MODES)
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(width, n, generator=generator, dtype=torch.float64) / n**0.5
    second = torch.randn(n, width, generator=generator, dtype=torch.float64) / width**0.5
    target = torch.diag(torch.tensor(MODES, dtype=torch.float64))
    before = first @ first.T - second.T @ second
    for _ in range(round(UNBALANCED_TIME / step_size)):
        error = second @ first - target
        first, second = first - step_size * second.T @ error, second - step_size * error @ first.T
    return float((first @ first.T - second.T @ second - before).norm())


def probe_linear(request: ProbeRequest) -> ProbeResult:
    """Compare two runs of different step sizes with the exact solution.

    Args:
        request: Gives the seed.
    """
    runs = [train_modes(MODES, START, step, seed=request.seed) for step in STEP_SIZES]
    coarse, fine = runs
    ratio = coarse.error / fine.error
    broken = [imbalance_change(step, seed=request.seed) for step in STEP_SIZES]
    order = broken[0] / broken[1]
    right = fine.error <= LIMIT and all(HALVING[0] <= r <= HALVING[1] for r in (ratio, order))
    measures = [
        Measure(
            name="largest error of a mode",
            at={"step_size": step},
            estimate=Interval(value=run.error),
            expected=0.0,
        )
        for step, run in zip(STEP_SIZES, runs, strict=True)
    ]
    measures.append(
        Measure(
            name="ratio of the errors of the two step sizes",
            estimate=Interval(value=ratio),
            expected=2.0,
        )
    )
    measures += [
        Measure(
            name="half time of a mode",
            at={"mode": mode, "step_size": STEP_SIZES[1]},
            estimate=Interval(value=half),
            expected=half_time(mode, START),
        )
        for mode, half in zip(MODES, fine.halves, strict=True)
    ]
    measures += [
        Measure(
            name="largest entry of W₁W₁ᵀ - W₂ᵀW₂ from a balanced start",
            at={"step_size": step},
            estimate=Interval(value=run.imbalance),
            expected=0.0,
        )
        for step, run in zip(STEP_SIZES, runs, strict=True)
    ]
    measures.append(
        Measure(
            name="ratio of the changes of W₁W₁ᵀ - W₂ᵀW₂ from an unbalanced start",
            estimate=Interval(value=order),
            expected=2.0,
        )
    )
    series = tuple(
        Series(
            name=f"λ = {mode:g}",
            panel="strength of the modes",
            x_name="time (step size × steps)",
            y_name="strength",
            x=fine.times,
            y=tuple(row[i] for row in fine.strengths),
            expected=tuple(mode_strength(t, mode, START) for t in fine.times),
        )
        for i, mode in enumerate(MODES)
    )
    reason = (
        f"largest error {fine.error:.2%} of a mode at step size {STEP_SIZES[1]:g}, "
        f"{ratio:.2f} times as much at twice that; what gradient flow conserves changes "
        f"{order:.2f} times as much"
    )
    verdict: Verdict = "pass" if right else "fail"
    advice = (
        "nothing to do: the engine that the other probes rest on is right on this machine"
        if right
        else "do not rely on the other probes here: report this with `mutransfer doctor`'s output"
    )
    return ProbeResult(verdict, reason, tuple(measures), METHOD, series, advice)
