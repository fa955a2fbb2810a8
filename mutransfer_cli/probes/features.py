"""How far the outputs of every layer move during training, and how that depends on the width."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.layer_outputs import layer_outputs
from mutransfer_cli.probes.subject.time_plan import fitting, seeds_and_sizes
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss

TOLERANCE = 0.15  # of the exponent of the width
STEPS = 20  # of each run: later, losses differ by width
FEWEST_WIDTHS = 3
METHOD = (
    f"RMS of the change of each layer's output over {STEPS} steps, on a batch that was not trained "
    "on, relative to its RMS at init; exponent of the width by regression over widths and seeds, "
    "median over the layers before the readout; 0 where features are learned at every width alike, "
    "-1/2 in the regime of the tangent kernel (arXiv 2011.14522)"
)
ADVICE = {
    "pass": "nothing to change",
    "fail": "run `mutransfer check`, which names the tensor at fault",
    "inconclusive": "run `mutransfer check`; if it passes, begin the ladder at a larger width, or "
    "zero the readout (init.zero): at small widths, its random outputs drive the first steps",
}


def probe_features(request: ProbeRequest) -> ProbeResult:
    """Measure the movement of features at every width of the ladder.

    Args:
        request: What to measure.

    Raises:
        InputError: There are fewer than three widths, or a loss is not finite.
    """
    proxies = request.measured
    sizes = proxies.widths
    if len(sizes) < FEWEST_WIDTHS:
        raise InputError(
            f"probe features: needs at least {FEWEST_WIDTHS} widths, found {len(sizes)}; "
            "add widths to the ladder"
        )
    moved: dict[str, list[tuple[int, float]]] = defaultdict(list)
    notes: dict[str, None] = {}
    steps = min(STEPS, proxies.base.steps)
    options = seeds_and_sizes(sizes, steps, request.seeds, 1, FEWEST_WIDTHS)
    plan = fitting(proxies, request.seed, request.left, options, measuring=1, fewest_steps=5)
    notes.update(dict.fromkeys(plan.notes))
    sizes = plan.what[0]
    for seed in range(request.seed, request.seed + plan.what[1]):
        for size in sizes:
            trainee = plan.train(size, seed, {})
            notes.update(dict.fromkeys(trainee.notes))
            for name, movement in feature_movement(trainee).items():
                moved[name].append((size.width, movement))
    slopes = {name: width_slope(points, request.confidence) for name, points in moved.items()}
    middle = sorted(slopes, key=lambda name: slopes[name].value)[len(slopes) // 2]
    verdict, reason = verdict_on(slopes, middle)
    measures = tuple(
        Measure(name="exponent of the width", at={"layer": name}, estimate=value, expected=0.0)
        for name, value in slopes.items()
    )
    series = tuple(
        Series(
            name=name,
            panel="movement of features",
            x_name="width",
            y_name="relative change of the output",
            x=tuple(float(s.width) for s in sizes),
            y=tuple(
                float(np.exp(np.mean([np.log(m) for w, m in points if w == s.width])))
                for s in sizes
            ),
        )
        for name, points in moved.items()
    )
    advice = ADVICE[verdict]
    return ProbeResult(verdict, reason, measures, METHOD, series, advice, tuple(notes))


def feature_movement(trainee: Trainee) -> dict[str, float]:
    """RMS of the change of each layer's output relative to its RMS at init, without readouts.

    Args:
        trainee: What to train, for `STEPS` steps or to its end.

    Raises:
        InputError: A loss is not finite, or the model has no layer besides a readout.
    """
    (batch,) = trainee.unseen(1)
    before = layer_outputs(trainee, batch)
    for step in range(min(STEPS, trainee.steps)):
        finite_loss(trainee.step(step), step)
    after = layer_outputs(trainee, batch)
    moved = {
        name: _rms(after[name] - value) / _rms(value)
        for name, value in before.items()
        if name in after and after[name].shape == value.shape and _rms(value) > 0
    }
    moved = {name: value for name, value in moved.items() if value > 0}
    if not moved:
        raise InputError("the model has no layer before its readout whose output moves")
    return moved


def _certain(slope: Interval) -> bool:
    """Whether a layer's movement certainly depends on the width."""
    assert slope.low is not None and slope.high is not None
    return slope.high < -TOLERANCE or slope.low > TOLERANCE


def _rms(tensor: Tensor) -> float:
    return float(tensor.double().pow(2).mean().sqrt())


def verdict_on(slopes: Mapping[str, Interval], layer: str) -> tuple[Verdict, str]:
    """Whether features are learned alike at every width.

    Args:
        slopes: Exponent of the width, by layer.
        layer: The median layer.
    """
    slope = slopes[layer]
    text = f"the movement of features grows as width^{slope} (median layer: {layer})"
    assert slope.low is not None and slope.high is not None
    if slope.low >= -TOLERANCE and slope.high <= TOLERANCE:
        apart = {n: s for n, s in slopes.items() if _certain(s)}
        if apart:
            worst = max(apart, key=lambda name: abs(apart[name].value))
            return "inconclusive", f"not every layer: {text}, but {worst} as width^{apart[worst]}"
        return "pass", f"features are learned at every width alike: {text}"
    if slope.high < -TOLERANCE:
        return "fail", f"lazy, the wider the less is learned: {text}"
    if slope.low > TOLERANCE:
        return "fail", f"unstable, the wider the more features move: {text}"
    return "inconclusive", f"not decided: {text}"
