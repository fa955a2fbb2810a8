"""Verdicts of the depth axis: on each kind of tensor, and on quantities of the network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mutransfer_cli.catalog.findings import FINDINGS
from mutransfer_cli.coordcheck.measure.depth_training import (
    ATTENTION,
    CHANGE,
    STREAM,
    DepthMeasurement,
)
from mutransfer_cli.coordcheck.verdict.depth_expectation import CONSTANT, DepthExpectation
from mutransfer_cli.coordcheck.verdict.diagnosis import correction, excess, lr_finding
from mutransfer_cli.coordcheck.verdict.slopes import (
    EXPONENT_TOLERANCE,
    SlopeFit,
    conservative,
    fit_slope,
)
from mutransfer_cli.coordcheck.verdict.tensor_verdict import verdict_on
from mutransfer_cli.documents.check import (
    AspectVerdict,
    ControlReport,
    FaultReport,
    Regime,
    TensorReport,
    Verdict,
)
from mutransfer_cli.tracing.blocks import Blocks

log = logging.getLogger(__name__)

STEEPEST_STREAM = -0.6  # at init a stream without a stem correctly shrinks as depth^-1/2


@dataclass(frozen=True, slots=True)
class DepthSlope:
    """Slopes over all depths and over the deeper half, since shallow networks may deviate."""

    all: SlopeFit
    deep: float


@dataclass(frozen=True, slots=True)
class NetworkSlopes:
    """Slopes of the network's quantities against the depth, for those that were measured."""

    by_name: Mapping[str, DepthSlope]

    @property
    def stream(self) -> float:
        """Slope of the residual stream's size at init; 0 if it was not measured."""
        return self.by_name[STREAM].all.value if STREAM in self.by_name else 0.0


def fit_depth_slope(
    measurements: Sequence[DepthMeasurement],
    value_of: Callable[[DepthMeasurement], float | None],
) -> DepthSlope | None:
    """Fit a slope; None if a value is missing or not positive.

    Args:
        measurements: Measurements at all depths and seeds.
        value_of: Returns the value of one measurement.
    """
    depths = sorted({m.size for m in measurements})
    middle = depths[len(depths) // 2 - 1]
    over_all = fit_slope(measurements, value_of)
    deep = fit_slope([m for m in measurements if m.size >= middle], value_of)
    return DepthSlope(over_all, deep.value) if over_all and deep else None


def fit_network(measurements: Sequence[DepthMeasurement]) -> NetworkSlopes:
    """Slopes of the residual stream, of its change and of the attention logits' change."""
    slopes = {}
    for name in measurements[0].network:
        slope = fit_depth_slope(measurements, lambda m, name=name: m.network.get(name))  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        if slope is not None:
            slopes[name] = slope
    return NetworkSlopes(slopes)


def network_deviation(
    name: str, slope: DepthSlope, stream: float, expected: DepthExpectation
) -> float:
    """Deviation of the slope of a network quantity from the expected one.

    At init the stream may shrink toward its stem, and without a stem as depth^-1/2; its change is
    therefore also compared with the stream itself. With alpha below 1, blocks are lazy by design:
    attention changes as depth^(alpha - 1).

    Args:
        name: STREAM, CHANGE or ATTENTION.
        slope: Slope of the quantity.
        stream: Slope of the stream.
        expected: What the rule for the depth lets the network do.
    """
    if name == STREAM:
        return 0.0 if STEEPEST_STREAM < slope.all.value < 0 else slope.all.value
    if name == ATTENTION:
        alpha = expected.alpha
        return conservative([slope.all.value + 1 - alpha, slope.deep + 1 - alpha])
    relative = [slope.all.value - stream] if name == CHANGE else []
    values = [slope.all.value, slope.deep, *relative]
    return conservative([max(0.0, value) if expected.may_fall else value for value in values])


def share_deviation(slope: DepthSlope, stream: float, expected: float = 0.0) -> float:
    """Deviation of the slope of a tensor's share in the decrease of the loss.

    Behind a norm the gradient scales as 1/stream, and so may the share.

    Args:
        slope: Slope of the share.
        stream: Slope of the residual stream at init.
        expected: The expected slope.
    """
    over_all = slope.all.value - expected
    return conservative([over_all, slope.deep - expected, over_all + stream])


def network_faults(
    slopes: NetworkSlopes, expected: DepthExpectation = CONSTANT
) -> tuple[FaultReport, ...]:
    """A fault for each quantity of the network that significantly depends on the depth."""
    faults = []
    for name, slope in slopes.by_name.items():
        deviation = network_deviation(name, slope, slopes.stream, expected)
        if verdict_on(deviation, slope.all.error) == "fail":
            faults.append(network_fault(name, deviation))
    return tuple(faults)


def network_fault(name: str, deviation: float) -> FaultReport:
    """The fault of one quantity of the network."""
    finding, fix = "residual-scale", None
    message = f"{name} goes as depth^{deviation:.2f}; it should stay constant"
    if name == STREAM:
        message = f"the residual stream grows as depth^{deviation:.2f} at init"
        fix = FINDINGS[finding].fix()
    elif name == ATTENTION and deviation < 0:
        finding = "lazy"
        message = f"attention logits change as depth^{deviation:.2f} in each block"
        fix = FINDINGS[finding].fix()
    return FaultReport(finding=finding, where="", message=message, fix=fix)


def tensor_reports(
    measurements: Sequence[DepthMeasurement],
    stream: float,
    ratio: float,
    blocks: Blocks,
    expected: DepthExpectation = CONSTANT,
) -> tuple[TensorReport, ...]:
    """The report on each kind of tensor, where a kind covers all blocks.

    Args:
        measurements: Measurements at all depths and seeds.
        stream: Slope of the residual stream at init.
        ratio: The largest depth divided by the smallest.
        blocks: The blocks that repeat along the depth.
        expected: What the rule for the depth lets the tensors do.
    """
    reports = []
    for name in expected.of_tensors(measurements[0]):
        slope = fit_depth_slope(measurements, lambda m, name=name: expected.of_tensors(m).get(name))  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        in_block = blocks.holds(name.replace("*", "0"))
        reports.append(tensor_report(name, slope, stream, ratio, in_block, expected.exponent))
    return tuple(reports)


def tensor_report(
    name: str,
    slope: DepthSlope | None,
    stream: float,
    ratio: float,
    in_block: bool,
    expected: float = 0.0,
) -> TensorReport:
    """The report on one kind of tensor.

    Args:
        name: Name, with `*` for the block's number.
        slope: Slope of its share in the decrease of the loss; None if it did not move at every
            depth.
        stream: Slope of the residual stream at init.
        ratio: The largest depth divided by the smallest.
        in_block: Whether the tensor is in a block.
        expected: Expected slope; 0 for a share, else that of the update.
    """
    verdict: AspectVerdict = "fail"
    finding = message = fix = None
    if slope is None:
        finding, message = "not-trained", f"`{name}`: it does not move at every depth"
        fix = FINDINGS[finding].fix()
    else:
        deviation = share_deviation(slope, 0.0 if expected else stream, expected)
        verdict = verdict_on(deviation, slope.all.error)
        if verdict == "inconclusive":
            log.info("%s is undecided: off by %.2f ± %.2f", name, deviation, slope.all.error)
        if verdict != "pass":
            finding = lr_finding(deviation)
            subject = "the effect of its updates"
            if expected:
                subject = "its update"
            elif in_block:
                subject = "the effect of all blocks in sum"
            message = f"`{name}`: {subject} is {excess(deviation, ratio, 'depth')}"
            fix = FINDINGS[finding].fix(change=correction(deviation, "depth"))
    return TensorReport(
        name=name,
        role="in a block" if in_block else "outside the blocks",
        verdict=verdict,
        finding=finding,
        message=message,
        fix=fix,
        update_slope=slope.all.report(expected) if slope else None,
        init_slope=None,
        decay_slope=None,
        aspects={"update": verdict},
    )


def regime_of(measurements: Sequence[DepthMeasurement], slopes: NetworkSlopes) -> Regime | None:
    """The regime, from the change of each block's own attention; None without attention."""
    if not all(m.finite for m in measurements):
        return "unstable"
    attention = slopes.by_name.get(ATTENTION)
    if attention is None:
        return None
    return "lazy" if attention.all.value < -EXPONENT_TOLERANCE else "feature-learning"


def overall_verdict(
    measurements: Sequence[DepthMeasurement],
    tensors: Sequence[TensorReport],
    faults: Sequence[FaultReport],
    control: ControlReport,
) -> tuple[Verdict, str]:
    """The verdict of the check and its reason.

    Args:
        measurements: Measurements at all depths and seeds.
        tensors: The reports on the kinds of tensors.
        faults: Faults of the network; any of them fails the check.
        control: The negative control, which must fail.
    """
    if not all(m.finite for m in measurements):
        return "fail", "the loss is not finite after a few steps"
    failed = [t.name for t in tensors if t.verdict == "fail"]
    if faults or failed:
        count = (
            f"the effect of {len(failed)} of {len(tensors)} kinds of tensor depends on the depth"
        )
        return "fail", "; ".join([*map(str, faults), *([count] if failed else [])])
    undecided = [t.name for t in tensors if t.verdict == "inconclusive"]
    if undecided:
        return (
            "inconclusive",
            f"{', '.join(undecided)}: deviation within two standard errors; give more --seeds",
        )
    if control.verdict != "fail":
        return (
            "inconclusive",
            f"sanity check: a deliberately wrong learning rate passed too ({control.what}); give "
            "larger --depths",
        )
    alike = f"the effect of all {len(tensors)} kinds of tensor is the same at every depth"
    if any(t.update_slope and t.update_slope.expected for t in tensors):
        alike = (
            f"the updates of all {len(tensors)} kinds of tensor follow the rule for the depth, and "
            "the mean change of all blocks is the same at every depth"
        )
    return "pass", f"{alike}; sanity check: a deliberately wrong learning rate is detected"
