"""The depth axis: is the network the same at every depth?

Along the depth a block's own contribution shrinks and their number grows: what stays constant is
the sum over the blocks (CompleteP, arXiv 2505.01618, section 4; derivation kit, 5.4).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mutransfer_cli.coordcheck.measure.depth_training import (
    ATTENTION,
    CHANGE,
    STREAM,
    DepthMeasurement,
    measure_depth,
)
from mutransfer_cli.coordcheck.measure.width_training import Make
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.verdict.diagnosis import power
from mutransfer_cli.coordcheck.verdict.slopes import Fitted, fitted, smaller
from mutransfer_cli.coordcheck.verdict.tensor_verdict import CERTAIN, TOLERANCE
from mutransfer_cli.documents.check import (
    CheckDocument,
    ControlReport,
    FaultReport,
    ModuleReport,
    TensorReport,
    Verdict,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.blocks import Blocks

DEPTHS = (2, 4, 8, 16)
LIMITS = (
    "what is wrong by the same factor at every depth",
    "betas, clipping, epsilon, weight decay and schedules",
    f"exponents off by less than {TOLERANCE}",
)
CONTROL = "the learning rate in the blocks × depth / smallest depth"


@dataclass(frozen=True, slots=True)
class Trend:
    """A slope over all depths, and over the deeper half: shallow networks bend towards it."""

    all: Fitted
    deep: float


def trend(
    found: Sequence[DepthMeasurement], get: Callable[[DepthMeasurement], float | None]
) -> Trend | None:
    """None where a value is missing or not positive."""
    depths = sorted({m.width for m in found})
    whole = fitted(found, get)
    deep = fitted([m for m in found if m.width >= depths[len(depths) // 2 - 1]], get)
    return Trend(whole, deep.value) if whole and deep else None


def off_of(name: str, slope: Trend, stream: float, alpha: float) -> float:
    """Deviation from a constant; with alpha below 1 blocks are lazy by design: alpha - 1.

    A stream that shrinks at init towards its stem is right (down to depth^-1/2 without one); what
    follows from that is forgiven: its change counts relative to it.
    """
    if name == STREAM:
        return 0.0 if -0.6 < slope.all.value < 0 else slope.all.value
    if name == ATTENTION:
        return smaller([slope.all.value + 1 - alpha, slope.deep + 1 - alpha])
    relative = [slope.all.value - stream] if name == CHANGE else []
    return smaller([slope.all.value, slope.deep, *relative])


def share_off(slope: Trend, stream: float) -> float:
    """Deviation of a share; the gradient is that of a normed stream, so it goes as 1/stream."""
    return smaller([slope.all.value, slope.deep, slope.all.value + stream])


def judged(slope: Trend | None, off: float) -> str:
    if slope is None:
        return "fail"
    if abs(off) <= TOLERANCE:
        return "pass"
    return "fail" if abs(off) > CERTAIN * slope.all.error else "inconclusive"


def tensor_report(
    name: str, slope: Trend | None, stream: float, ratio: float, blocks: Blocks
) -> TensorReport:
    off = share_off(slope, stream) if slope else 0.0
    verdict = judged(slope, off)
    inside = blocks.position(name.replace("*", "0")) is not None
    message = fix = finding = None
    if slope is None:
        finding, message = "not-trained", f"`{name}`: it does not move at every depth"
        fix = "give it to the optimizer, and make sure that a gradient reaches it"
    elif verdict != "pass":
        finding = "lr-too-large" if off > 0 else "lr-too-small"
        size = ratio ** abs(off)
        kind = "large" if off > 0 else "small"
        where = "all blocks together" if inside else "it"
        message = (
            f"`{name}`: the work of {where} is {size:.3g} times too {kind} at {ratio:g} times the "
            "depth"
        )
        verb = "divide" if off > 0 else "multiply"
        exponent = round(abs(off) * 2) / 2 or 0.5
        fix = f"learning rate: {verb} it by {power(exponent)}, m = depth / base depth"
    return TensorReport(
        name=name,
        role="in a block" if inside else "outside the blocks",
        verdict=verdict,  # type: ignore[arg-type]  # one of the three by construction
        finding=finding,  # type: ignore[arg-type]  # as above
        message=message,
        fix=fix,
        update_slope=slope.all.slope(0.0) if slope else None,
        init_slope=None,
        decay_slope=None,
        aspects={"update": verdict},  # type: ignore[dict-item]  # one of the three by construction
    )


def tensor_reports(
    found: Sequence[DepthMeasurement], stream: float, ratio: float, blocks: Blocks
) -> tuple[TensorReport, ...]:
    """All tensors, those of the blocks by their place in a block."""
    return tuple(
        tensor_report(name, trend(found, lambda m, n=name: m.shares.get(n)), stream, ratio, blocks)  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        for name in found[0].shares
    )


def whole_fault(name: str, off: float) -> FaultReport:
    """What a slope of the whole network's says."""
    if name == STREAM:
        return FaultReport(
            finding="residual-scale",
            where="",
            message=f"the residual stream grows as depth^{off:.2f} at init",
            fix="multiply every branch by m^-1 (or m^-1/2), m = depth / base depth",
        )
    if name == ATTENTION and off < 0:
        return FaultReport(
            finding="lazy",
            where="",
            message=f"attention logits change as depth^{off:.2f} in each block",
            fix="branches by m^-1 and a constant learning rate keep it (alpha = 1)",
        )
    return FaultReport(
        finding="residual-scale",
        where="",
        message=f"{name} goes as depth^{off:.2f}; it should stay constant",
    )


def run_depth_check(
    make: Make,
    blocks: Blocks,
    depths: Sequence[int] = DEPTHS,
    *,
    parameterization: str,
    alpha: float = 1.0,
    seeds: int = 3,
    steps: int = 3,
    first_seed: int = 0,
) -> CheckReport:
    """Is the network the same at every depth?

    Judged against constants, whatever it is called; alpha is the residual exponent, which says how
    the attention of each block changes.
    """
    started = time.perf_counter()
    all_seeds = range(first_seed, first_seed + seeds)
    ratio = max(depths) / min(depths)
    if len(depths) < 3 or ratio < 4:
        raise InputError(
            f"--depths {','.join(map(str, depths))}: expected at least three over a ratio of 4, "
            "such as 2,4,8,16"
        )
    found = [measure_depth(make, d, s, steps, blocks) for s in all_seeds for d in depths]
    stream = trend(found, lambda m: m.whole[STREAM])
    shrunk = stream.all.value if stream else 0.0
    tensors = tensor_reports(found, shrunk, ratio, blocks)
    wholes = {
        name: f
        for name in found[0].whole
        if (f := trend(found, lambda m, n=name: m.whole.get(n))) is not None  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
    }
    faults = [
        whole_fault(name, off)
        for name, f in wholes.items()
        if judged(f, off := off_of(name, f, shrunk, alpha)) == "fail"
    ]
    fast = [
        measure_depth(make, d, s, steps, blocks, d / min(depths))
        for s in all_seeds[:2]
        for d in depths
    ]
    noticed = any(
        t.finding == "lr-too-large" and t.verdict == "fail"
        for t in tensor_reports(fast, shrunk, ratio, blocks)
    )
    control = ControlReport(what=CONTROL, verdict="fail" if noticed else "pass")
    verdict, reason = verdict_of(found, tensors, faults, control)
    return CheckReport(
        CheckDocument(
            verdict=verdict,
            reason=reason,
            regime=regime_of(found, wholes),
            axis="depth",
            expected=parameterization,
            widths=tuple(depths),
            seeds=seeds,
            seconds=time.perf_counter() - started,
            tensors=tensors,
            modules=tuple(
                module_of(name, f.all, found, alpha - 1 if name == ATTENTION else 0.0)
                for name, f in wholes.items()
            ),
            control=control,
            limits=LIMITS,
            faults=tuple(faults),
        )
    )


def regime_of(
    found: Sequence[DepthMeasurement], wholes: Mapping[str, Trend]
) -> Literal["feature-learning", "lazy", "unstable"] | None:
    """By how each block's own attention changes; None without attention."""
    if not all(m.finite for m in found):
        return "unstable"
    seen = wholes.get(ATTENTION)
    if seen is None:
        return None
    return "lazy" if seen.all.value < -TOLERANCE else "feature-learning"


def module_of(
    name: str, f: Fitted, found: Sequence[DepthMeasurement], expected: float
) -> ModuleReport:
    by_depth: dict[int, list[float]] = {}
    for m in found:
        by_depth.setdefault(m.width, []).append(m.whole[name])
    means = {depth: sum(values) / len(values) for depth, values in by_depth.items()}
    at_init = name == STREAM
    return ModuleReport(
        name=name,
        init_slope=f.slope(expected) if at_init else None,
        change_slope=None if at_init else f.slope(expected),
        init=means if at_init else {},
        change={} if at_init else means,
    )


def verdict_of(
    found: Sequence[DepthMeasurement],
    tensors: Sequence[TensorReport],
    faults: Sequence[FaultReport],
    control: ControlReport,
) -> tuple[Verdict, str]:
    if not all(m.finite for m in found):
        return "fail", "the loss is not finite after a few steps"
    failed = [t.name for t in tensors if t.verdict == "fail"]
    if faults or failed:
        named = (
            [f"{len(failed)} of {len(tensors)} tensors do not keep their work"] if failed else []
        )
        return "fail", "; ".join([*map(str, faults), *named])
    unsure = [t.name for t in tensors if t.verdict == "inconclusive"]
    if unsure:
        return "inconclusive", f"{', '.join(unsure)}: within two standard errors; more --seeds"
    if control.verdict != "fail":
        return "inconclusive", f"the negative control passed too ({control.what}); greater --depths"
    return "pass", f"all {len(tensors)} kinds of tensor keep their work at every depth"
