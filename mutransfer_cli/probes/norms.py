"""Norms of weights and of updates over sizes, and how updates align with their inputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.norm_outliers import best_trials, norm_outlier_note
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.seed_intervals import banded, geometric_interval
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.model_readouts import readouts_in
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.probes.subject.time_plan import fitting, seeds_and_sizes
from mutransfer_cli.probes.subject.trained_norms import ALIGNMENT, MOST_STEPS, trained_norms
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.norms.tensor_norms import RATIO, READOUT, ROTATION, SPECTRAL, UPDATE

TOLERANCE = 0.15  # of the exponent of the size
FEWEST_SIZES = 3
ANGLE = "radians per step"
UNITS = {
    SPECTRAL: "spectral norm of the weights",
    UPDATE: "spectral norm of an update",
    RATIO: "‖ΔW‖/‖W‖ per step",
    ROTATION: f"rotation ({ANGLE})",
    ALIGNMENT: "alignment ‖ΔW x‖/(‖ΔW‖₂‖x‖)",
    READOUT: "RMS→∞ norm of the readout",
}
MEASURING = 10  # steps that the norms of a run cost, about
METHOD = (
    "RMS→∞ norm of the readout, spectral norms by the power method, update in the middle of a run: "
    "‖ΔW‖/‖W‖, angle, and alignment ‖ΔW x‖/(‖ΔW‖₂‖x‖). The readout's norm is constant over sizes "
    "at the optimum (arXiv 2510.03871), alignment is where updates act as the rules assume "
    "(2310.17813); a step's rotation in equilibrium is √(2ηλ(1 - β₁)/(1 + β₁)) under AdamW and "
    "√(2ηλ/(1 + β)) under SGD, where only directions matter and batches are independent "
    "(2305.17212)"
)
ADVICE = {
    "pass": "nothing to change; a later rung whose readout leaves this size is trained off its "
    "optimum",
    "fail": "run `mutransfer check`: the readout's multiplier, init or rate is at fault; or a rung "
    "is far from its best learning rate",
    "inconclusive": "sweep with three seeds (search.seeds: 3) and give the run in place of the "
    "recipe; or add widths to the ladder",
}
CHECK = "run `mutransfer check`, which measures what each tensor does to the output"
BEST = "each rung at the best setting of its grid: where these rates differ, so do its updates"
Values = dict[str, list[tuple[float, float]]]  # by name: size and value


def probe_norms(request: ProbeRequest) -> ProbeResult:
    """Compare norms over the widths, or over another size, of a run or recipe.

    Args:
        request: What to measure: a run has the norms of its trials.

    Raises:
        InputError: There are fewer than three sizes along a line, or a loss is not finite.
    """
    proxies = request.measured
    values: Values = defaultdict(list)
    expected: dict[str, float] = {}
    notes: dict[str, None] = {}
    unknown: str | None = None
    axis, kept = best_trials(proxies.run) if proxies.run is not None else ("width", {})
    if len(kept) >= FEWEST_SIZES:
        assert proxies.run is not None
        for size, trials in kept.items():
            for trial in trials:
                for name, value in trial.norms.items():
                    values[name].append((size, value))
        notes[BEST] = None
        outlier = norm_outlier_note(proxies.run)
        if outlier:
            notes[outlier] = None
    else:
        axis, sizes = line_of(proxies)
        readouts, unknown = readouts_in(proxies)
        steps = min(proxies.base.steps, MOST_STEPS)
        options = seeds_and_sizes(sizes, steps, request.seeds, 1, FEWEST_SIZES)
        plan = fitting(proxies, request.seed, request.left, options, measuring=MEASURING)
        notes.update(dict.fromkeys(plan.notes))
        for seed in range(request.seed, request.seed + plan.what[1]):
            for shape in plan.what[0]:
                trainee = plan.train(shape, seed, {})
                notes.update(dict.fromkeys(trainee.notes))
                for name, value in trained_norms(trainee, expected, readouts).items():
                    values[name].append((float(getattr(shape, axis)), value))
    result = _result(axis, values, expected, tuple(notes), request.confidence)
    if result.verdict == "inconclusive" and proxies.parameterization is None:
        result = replace(result, advice=CHECK)  # there is no recipe to sweep
    return without_factor(result, unknown) if unknown else result


def without_factor(result: ProbeResult, why: str) -> ProbeResult:
    """A result on weights whose multiplier in the forward pass is not known: it decides nothing.

    Args:
        result: Of the weights.
        why: Why it is not known.
    """
    reason = f"not decided: the number that multiplies the readout is unknown; {result.reason}"
    note = f"the readout's norm is that of a weight by itself: {why}"
    return replace(
        result,
        verdict="inconclusive",
        reason=reason,
        advice=CHECK,
        notes=(*result.notes, note),
    )


def line_of(proxies: Proxies) -> tuple[str, list[Size]]:
    """The size along which there are most proxies that differ in nothing else, and these.

    Args:
        proxies: The proxies.

    Raises:
        InputError: There are fewer than three along any.
    """
    base = proxies.base.as_dict()
    lines = {
        axis: [s for s in proxies.sizes if s.as_dict() | {axis: 0} == base | {axis: 0}]
        for axis in base
    }
    axis = max(lines, key=lambda name: len(lines[name]))  # of equals the first, the width
    if len(lines[axis]) < FEWEST_SIZES:
        raise InputError(
            f"probe norms: needs at least {FEWEST_SIZES} widths, found {len(lines['width'])}; "
            "add widths to the ladder"
        )
    return axis, lines[axis]


def _result(
    axis: str,
    values: Values,
    expected: Mapping[str, float],
    notes: tuple[str, ...],
    confidence: float,
) -> ProbeResult:
    """The verdict on the readout's norm, and the exponents of all.

    Args:
        axis: The size that varies.
        values: Size and value of every trial, by name of the norm.
        expected: Rotation in equilibrium, by name.
        notes: What else to say.
        confidence: Of the intervals.
    """
    sizes = {u for rows in values.values() for u, _ in rows}
    positive = {
        name: rows
        for name, rows in values.items()
        if all(v > 0 for _, v in rows) and {u for u, _ in rows} == sizes
    }
    slopes = {name: width_slope(rows, confidence) for name, rows in positive.items()}
    if READOUT not in slopes:
        raise InputError("the model has no readout whose norm is positive")
    measures = [
        Measure(name=f"exponent of the {axis}: {READOUT}", estimate=slopes[READOUT], expected=0.0)
    ]
    for name, slope in slopes.items():
        quantity, tensor = _parts(name)
        if tensor:
            zero = 0.0 if quantity == ALIGNMENT else None
            measures.append(
                Measure(
                    name=f"exponent of the {axis}: {quantity}", at={"tensor": tensor},
                    estimate=slope, expected=zero,
                )
            )  # fmt: skip
    for name, rotation in expected.items():
        if name in positive:
            found = [v for _, v in positive[name]]
            measures.append(
                Measure(
                    name=ROTATION,
                    at={"tensor": _parts(name)[1]},
                    estimate=Interval(
                        value=sum(found) / len(found), low=min(found), high=max(found)
                    ),
                    expected=rotation,
                    unit=ANGLE,
                )
            )
    verdict, reason = _verdict(slopes[READOUT], axis)
    series = tuple(_curve(axis, name, rows, confidence) for name, rows in positive.items())
    return ProbeResult(verdict, reason, tuple(measures), METHOD, series, ADVICE[verdict], notes)


def _curve(axis: str, name: str, rows: Sequence[tuple[float, float]], confidence: float) -> Series:
    """A norm over the sizes.

    Args:
        axis: The size that varies.
        name: Name of the norm.
        rows: Size and value of every trial.
        confidence: Of the band.
    """
    quantity, tensor = _parts(name)
    sizes = sorted({u for u, _ in rows})
    curve = Series(
        name=tensor or name,
        panel=quantity,
        x_name=axis,
        y_name=UNITS.get(quantity, quantity),
        x=tuple(sizes),
        y=(),
    )
    means = [geometric_interval([v for u, v in rows if u == w], confidence) for w in sizes]
    return banded(curve, means)


def _parts(name: str) -> tuple[str, str]:
    """The quantity, and the tensor that it belongs to."""
    if name == READOUT:
        return name, ""
    quantity, _, tensor = name.rpartition(" ")
    return quantity, tensor


def _verdict(slope: Interval, axis: str) -> tuple[Verdict, str]:
    text = f"the readout's norm grows as {axis}^{slope}"
    assert slope.low is not None and slope.high is not None
    if slope.low >= -TOLERANCE and slope.high <= TOLERANCE:
        return "pass", f"the readout has one size at every {axis}: {text}"
    if slope.low > TOLERANCE or slope.high < -TOLERANCE:
        return "fail", f"the readout's size changes with the {axis}: {text}"
    return "inconclusive", f"not decided: {text}"
