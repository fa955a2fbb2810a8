"""How far the sizes of a ladder are from the limits of infinite width, depth and small steps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.layer_outputs import model_output
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.probes.subject.trainee import Trainee
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.surface.limits import FEWEST_SIZES, Limit, limit_of

FINER = (1, 2, 4)  # steps of 1/1, 1/2 and 1/4 the size, over the same training time
BATCHES = 8  # on which losses are measured, none of them trained on
SMALL = 0.01  # of the loss: an error below it is none
MOST_SEEDS = 8  # as many as there is time for
FACTOR = 10.0  # by which the largest size exceeds the base where a limit counts as reached
STEP = "step size"
METHOD = (
    "loss on batches that were not trained on, at the recipe's hyperparameters: limit + c/width, "
    "limit + c/depth or c/√depth, and limit + c·(step size) with the number of steps growing as "
    "it falls; Student's interval over seeds, widened by the misfit. Finite size hurts where the "
    "error is positive (the discretization hypothesis, arXiv 2604.21691)"
)


@dataclass(frozen=True)
class AxisLimit:
    """One axis.

    Attributes:
        name: Its name.
        sizes: Sizes along it, in units in which the error falls as a power: 1/step for steps.
        losses: Final losses (sizes, seeds).
        fit: Its limit.
        base: Which of the sizes the base is.
    """

    name: str
    sizes: tuple[float, ...]
    losses: NDArray[np.float64]
    fit: Limit
    base: int

    @property
    def error(self) -> Interval:
        """The discretization error of the base."""
        return self.fit.errors[self.base]


def probe_limit(request: ProbeRequest) -> ProbeResult:
    """Train the rungs of every axis, and at smaller steps, and extrapolate.

    Args:
        request: What to measure.

    Raises:
        InputError: No axis has three sizes, or a loss is not finite.
    """
    proxies = request.measured
    base = proxies.base
    plans: dict[str, list[tuple[float, Size, Mapping[str, float]]]] = {
        STEP: [(float(k), replace(base, steps=k * base.steps), _finer(proxies, k)) for k in FINER]
    }
    for axis in ("width", "depth"):
        rest = base.as_dict() | {axis: 0}
        sizes = [s for s in proxies.sizes if s.as_dict() | {axis: 0} == rest]
        if len(sizes) >= FEWEST_SIZES:
            plans[axis] = [(float(getattr(s, axis)), s, {}) for s in sizes]
    notes: dict[str, None] = {}
    losses: dict[tuple[str, float], list[float]] = {}
    spread: dict[int, list[NDArray[np.float64]]] = {}
    done, longest = 0, 0.0
    batches: list[Any] = []  # the same for all seeds and sizes
    for seed in range(request.seed, request.seed + MOST_SEEDS):
        if done >= 2 and not request.has_time_for(longest):
            notes[f"{done} seeds: no time for more"] = None
            break
        started = time.perf_counter()
        at_base: float | None = None
        for axis, points in plans.items():
            for size, shape, hyperparameters in points:
                if shape == base and at_base is not None:
                    loss = at_base
                else:
                    trainee = proxies.train(shape, seed, hyperparameters)
                    notes.update(dict.fromkeys(trainee.notes))
                    batches = batches or trainee.unseen(BATCHES)
                    loss = final_loss(trainee, batches)
                    if axis == "width" or shape == base:
                        spread.setdefault(shape.width, []).append(_logits(trainee, batches[0]))
                if shape == base:
                    at_base = loss
                losses.setdefault((axis, size), []).append(loss)
        longest, done = max(longest, time.perf_counter() - started), done + 1
    if done < 2:
        raise InputError("probe limit: two seeds or more are needed")
    found = [
        _axis(axis, points, losses, base, request.confidence) for axis, points in plans.items()
    ]
    fluctuation = _fluctuation(spread, request.confidence)
    return _result(found, fluctuation, tuple(notes))


def final_loss(trainee: Trainee, batches: Sequence[Any]) -> float:
    """Train to the end; the mean loss on batches that were not trained on.

    Args:
        trainee: What to train.
        batches: The batches.

    Raises:
        InputError: A loss is not finite.
    """
    for step in range(trainee.steps):
        loss = trainee.step(step)
        if not loss - loss == 0:
            raise InputError(f"the loss is not finite at step {step + 1}: {loss}")
    with torch.no_grad():
        return sum(float(trainee.loss(trainee.model, b)) for b in batches) / len(batches)


def _finer(proxies: Proxies, k: int) -> dict[str, float]:
    """Hyperparameters of steps that are k times smaller, over k times as many of them."""
    if k == 1:
        return {}
    return {"lr": proxies.learning_rate / k, "base.steps": k * proxies.base.steps}


def _axis(
    name: str,
    points: Sequence[tuple[float, Size, Mapping[str, float]]],
    losses: Mapping[tuple[str, float], list[float]],
    base: Size,
    confidence: float,
) -> AxisLimit:
    """The limit along one axis.

    Args:
        name: The axis.
        points: Size along it, shape and hyperparameters of every measurement.
        losses: The losses by axis and size, one for each seed.
        base: The base.
        confidence: Of the intervals.
    """
    sizes = tuple(size for size, _, _ in points)
    values = np.array([losses[(name, size)] for size in sizes])
    powers = (1.0, 0.5) if name == "depth" else (1.0,)
    fit = limit_of(sizes, values, powers, confidence)
    return AxisLimit(
        name, sizes, values, fit, next(i for i, p in enumerate(points) if p[1] == base)
    )


def _logits(trainee: Trainee, batch: Any) -> NDArray[np.float64]:
    """The model's outputs for one batch; empty where it returns no tensor."""
    output = model_output(trainee, batch)
    return np.zeros(0) if output is None else output.double().cpu().numpy().ravel()


def _fluctuation(
    spread: Mapping[int, Sequence[NDArray[np.float64]]], confidence: float
) -> Interval | None:
    """The exponent of the width with which the logits' variance over seeds changes."""
    points = []
    for width, rows in spread.items():
        if len(rows) > 1 and rows[0].size and len({r.shape for r in rows}) == 1:
            points.append((width, float(np.stack(rows).var(0, ddof=1).mean())))
    if len(points) < FEWEST_SIZES or any(v <= 0 for _, v in points):
        return None
    return width_slope(points, confidence)


def judge(errors: Mapping[str, Interval], loss: float) -> tuple[Verdict, str]:
    """The verdict on the discretization errors of the base.

    Args:
        errors: The error along every axis.
        loss: The loss of the base, of which errors are shares.
    """
    text = "; ".join(f"{name} {value}" for name, value in errors.items())
    helps, open_axes = [], []
    for name, value in errors.items():
        assert value.low is not None and value.high is not None
        if value.high < -SMALL * loss:
            helps.append(name)
        elif value.low < -SMALL * loss:
            open_axes.append(name)
    if helps:
        return "fail", f"finite size helps along {', '.join(helps)}: errors of the base: {text}"
    if open_axes:
        return "inconclusive", f"not decided along {', '.join(open_axes)}: {text}"
    coarsest = max(errors, key=lambda name: errors[name].value)
    if errors[coarsest].value < SMALL * loss:
        return "pass", f"the base is within {SMALL:.0%} of its limits: {text}"
    return "pass", f"the coarsest axis is the {coarsest}; errors of the base: {text}"


def _result(
    found: Sequence[AxisLimit], fluctuation: Interval | None, notes: tuple[str, ...]
) -> ProbeResult:
    """Verdict, measures and curves.

    Args:
        found: Every axis.
        fluctuation: Exponent of the logits' variance over seeds.
        notes: What else to say.
    """
    loss = float(found[0].losses[found[0].base].mean())
    verdict, reason = judge({a.name: a.error for a in found}, abs(loss))
    measures, series = [], []
    more = list(notes)
    for axis in found:
        measures.append(
            Measure(name="loss in the limit", at={"axis": axis.name}, estimate=axis.fit.limit)
        )
        for size, error in zip(axis.sizes, axis.fit.errors, strict=True):
            value = 1 / size if axis.name == STEP else size
            measures.append(
                Measure(name="discretization error", at={axis.name: value}, estimate=error)
            )
        if max(axis.sizes) < FACTOR * min(axis.sizes):
            factor = max(axis.sizes) / min(axis.sizes)
            more.append(
                f"{axis.name}: sizes span a factor of {factor:g}; a limit counts as reached "
                f"after {FACTOR:g}"
            )
        x = np.array(axis.sizes) ** -axis.fit.power
        fitted = axis.fit.limit.value + np.array([e.value for e in axis.fit.errors])
        series.append(
            Series(
                name=axis.name,
                panel=f"loss over the {axis.name}",
                x_name=f"1 / {axis.name}" if axis.name != STEP else "relative step size",
                y_name="loss",
                x=tuple(x),
                y=tuple(axis.losses.mean(1)),
                expected=tuple(fitted),
            )
        )
    if fluctuation is not None:
        measures.append(
            Measure(
                name="exponent of the width: variance of logits over seeds",
                estimate=fluctuation,
            )
        )
    advice = None
    if verdict == "fail":
        advice = "a smaller or coarser model is better here: larger ones will need regularization"
    elif verdict == "inconclusive":
        advice = "add seeds or sizes, and time (--minutes)"
    elif "coarsest" in reason:
        advice = (
            "smaller steps over a longer run gain more than a larger model"
            if f"axis is the {STEP}" in reason
            else "a larger rung along that axis brings the proxy closest to its target"
        )
    return ProbeResult(verdict, reason, tuple(measures), METHOD, tuple(series), advice, tuple(more))
