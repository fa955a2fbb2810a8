"""Checks the width axis, with a negative control to show that an error would be detected."""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import TypeVar

from mutransfer_cli.catalog.findings import FINDINGS
from mutransfer_cli.coordcheck.activation_check import faults_of_activations, larger_half
from mutransfer_cli.coordcheck.check_request import CheckRequest
from mutransfer_cli.coordcheck.measure.recorder import uncompiled
from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.report.module_curves import module_curves
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.verdict.activations.activation_scale import blocked_by
from mutransfer_cli.coordcheck.verdict.regime import (
    HIDDEN_ROLES,
    hidden_updates,
    regime_fault,
    regime_of,
    regime_remark,
)
from mutransfer_cli.coordcheck.verdict.repair import init_errors, separated, with_repaired_inits
from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.coordcheck.verdict.undecided import (
    RELIABLE_WIDTH,
    notes_on_excused,
    postponed,
    wider_widths,
    without_effects_of_small_widths,
)
from mutransfer_cli.coordcheck.verdict.width_verdict import (
    notes_on_unjudged,
    overall_verdict,
    tensor_report,
    unmeasured_report,
)
from mutransfer_cli.documents.check import (
    CheckDocument,
    ControlReport,
    FaultReport,
    Regime,
    Repair,
    TensorReport,
)

log = logging.getLogger(__name__)

Repairable = TypeVar("Repairable", TensorReport, FaultReport)

CONTROL_SEEDS = 2
DOUBTFUL_DEVIATION = 0.15  # a larger deviation needs more seeds
MOST_REPAIRS = 3  # rounds in which inits are repaired and measured again
BORDERLINE = (0.2, 0.4)  # between correct and off by 1/2, the smallest possible error
MIN_WIDTHS, MIN_RATIO = 3, 4.0
LOGIT_TOLERANCE = 0.01  # relative difference between inference and training
WIDTH_LIMITS = (
    "a factor that is wrong at every width alike, such as a wrong base width",
    "betas, clipping and schedules",
    f"exponents off by less than {EXPONENT_TOLERANCE}",
)
LARGER_RATIO = "give --sizes over a larger ratio"
UNSTABLE = FaultReport(
    finding="unstable",
    where="",
    message="the loss is not finite after a few steps",
    fix=FINDINGS["unstable"].fix(),
)


def run_width_check(request: CheckRequest) -> CheckReport:
    """Measure and judge, with repaired inits where needed, then run the negative control.

    Raises:
        InputError: The model cannot be trained or measured.
    """
    started = time.perf_counter()
    if len(request.widths) < MIN_WIDTHS or request.ratio < MIN_RATIO:
        return too_few_widths(request)
    with uncompiled():
        measurements, verdicts = measure_until_decided(request)
        repaired, verdicts = with_inits_repaired(request, measurements, verdicts)
        control = negative_control(request, measurements[0].frozen)
    unstable = not all(m.finite for m in measurements)
    regime: Regime | None = "unstable" if unstable else regime_of(request.expected, measurements)
    activations, doubt = faults_of_activations(request, repaired)
    faults = tuple(with_sizes(fault, request.widths) for fault in request.faults + activations)
    tensors = tensor_reports(request, verdicts, repaired if len(faults) else ())
    if request.axis == "width" and request.widths[0] < RELIABLE_WIDTH:
        wider = request.judge(larger_half(request, repaired))
        tensors = without_effects_of_small_widths(tensors, wider, request.widths)
    verdict, reason = overall_verdict(
        tensors,
        control,
        (UNSTABLE,) if unstable else faults,
        request.parameterization,
        request.strict,
        regime_fault(regime, request.expected, request.parameterization),
        wider_widths(request.widths) if request.axis == "width" else LARGER_RATIO,
        regime_remark(regime, hidden_updates(request.expected), request.parameterization),
        doubt,
    )
    return CheckReport(
        CheckDocument(
            verdict=verdict,
            reason=reason,
            regime=regime,
            expected=request.parameterization,
            widths=request.widths,
            seeds=len(measurements) // len(request.widths),
            seconds=time.perf_counter() - started,
            tensors=tensors,
            modules=module_curves(measurements),
            control=control,
            limits=WIDTH_LIMITS,
            faults=((UNSTABLE,) if unstable else ()) + faults,
            notes=(
                *notes_on_unjudged(tensors),
                *notes_on_excused(verdicts, tensors),
                *inference_notes(measurements),
                *request.notes,
                *(request.hints if verdict == "fail" else ()),
            ),
        )
    )


def with_inits_repaired(
    request: CheckRequest, measurements: list[Measurement], verdicts: list[TensorVerdict]
) -> tuple[list[Measurement], list[TensorVerdict]]:
    """Repair wrong inits and measure again, until all are right: one may hide a part of another.

    Args:
        request: The request.
        measurements: Measurements of the model as it is.
        verdicts: The verdicts on it.

    Returns:
        Measurements with all inits right, and the verdicts on each tensor's own errors.
    """
    errors = init_errors(verdicts)
    total, after = dict(errors), verdicts
    for _ in range(MOST_REPAIRS):
        if not errors:
            break
        log.info("inits repaired before the updates are judged: %s", ", ".join(total))
        build = with_repaired_inits(request.build, total, request.widths[0])
        measurements, after = measure_until_decided(replace(request, build=build))
        errors = init_errors(after)
        total = {n: total.get(n, 0.0) + errors.get(n, 0.0) for n in {**total, **errors}}
    return measurements, separated(verdicts, after, {n: e for n, e in total.items() if e})


def tensor_reports(
    request: CheckRequest, verdicts: Sequence[TensorVerdict], faulty: Sequence[Measurement]
) -> tuple[TensorReport, ...]:
    """The report on every tensor, also on those that are not judged.

    Args:
        request: The request.
        verdicts: The verdicts on the tensors.
        faulty: Measurements of a model with faults of its activations; none if there are none.
    """
    judged = [tensor_report(v, request.expected[v.name], request.ratio) for v in verdicts]
    if faulty:
        judged = [
            postponed(t)
            if t.aspects.get("update") == "fail"
            and "init" not in (t.finding or "")
            and blocked_by(t.name, faulty, request.expected[t.name])
            else t
            for t in judged
        ]
    others = [unmeasured_report(n, role, why) for n, (role, why) in request.unjudged.items()]
    return tuple(with_sizes(t, request.widths) for t in (*judged, *others))


def with_sizes(part: Repairable, sizes: Sequence[int]) -> Repairable:
    """A tensor's report or a fault whose repairs have their factor at every size."""
    repairs = tuple(at_sizes(repair, sizes) for repair in part.repairs)
    return part.model_copy(update={"repairs": repairs})


def at_sizes(repair: Repair, sizes: Sequence[int]) -> Repair:
    """A repair with its factor at every size."""
    factors = {size: float((size / sizes[0]) ** repair.power) for size in sizes}
    return repair.model_copy(update={"factors": factors})


def too_few_widths(request: CheckRequest) -> CheckReport:
    """The inconclusive report of a check with too few widths."""
    return CheckReport(
        CheckDocument(
            verdict="inconclusive",
            reason=f"widths {', '.join(map(str, request.widths))} are too few; give at least "
            f"{MIN_WIDTHS} over a ratio of {MIN_RATIO:g}, such as --widths 64,128,256",
            regime=None,
            expected=request.parameterization,
            widths=request.widths,
            seeds=0,
            seconds=0.0,
            tensors=(),
            modules=(),
            control=ControlReport(what="not run", verdict=None),
            limits=WIDTH_LIMITS,
        )
    )


def measure_until_decided(
    request: CheckRequest,
) -> tuple[list[Measurement], list[TensorVerdict]]:
    """Measure with few seeds, then with more if a deviation is doubtful or borderline."""
    measurements = request.measure(range(request.seeds))
    verdicts = request.judge(measurements)
    seeds = request.seeds
    for most, is_unclear in (
        (request.most_seeds, is_doubtful),
        (2 * request.most_seeds, is_borderline),
    ):
        unclear = [v.name for v in verdicts if is_unclear(v)]
        if unclear and most > seeds and all(m.finite for m in measurements):
            names = ", ".join(unclear)
            log.info("%d seeds instead of %d, because these deviate: %s", most, seeds, names)
            measurements += request.measure(range(seeds, most))
            verdicts = request.judge(measurements)
            seeds = most
    return measurements, verdicts


def is_doubtful(verdict: TensorVerdict) -> bool:
    """Whether a deviation is large enough to need more seeds."""
    deviation = max(abs(verdict.deviation), abs(verdict.init_deviation))
    return deviation > DOUBTFUL_DEVIATION or verdict.problem == "sparse"


def is_borderline(verdict: TensorVerdict) -> bool:
    """Whether a deviation is between correct and off by 1/2."""
    low, high = BORDERLINE
    return any(low < abs(d) < high for d in (verdict.deviation, verdict.init_deviation))


def negative_control(request: CheckRequest, frozen: Container[str]) -> ControlReport:
    """Check the same model with a learning rate that grows with the width: it must fail.

    Args:
        request: The request.
        frozen: Tensors that require no gradient.
    """
    trained = {n: e for n, e in request.expected.items() if n not in frozen}
    names = [n for n, e in trained.items() if e.role in HIDDEN_ROLES]
    what = "the hidden matrices' learning rate × width / smallest width"
    if not names:
        judged = [n for n, e in trained.items() if e.init is not None]
        names = judged or list(trained)
        what = "the matrices' learning rate × width / smallest width"
    factors = {w: dict.fromkeys(names, w / request.widths[0]) for w in request.widths}
    verdicts = request.judge(request.measure(range(CONTROL_SEEDS), factors))
    detected = [
        v.name
        for v in verdicts
        if v.name in names and v.verdict == "fail" and v.deviation > EXPONENT_TOLERANCE
    ]
    log.info("negative control (%s): %d of %d tensors fail", what, len(detected), len(names))
    return ControlReport(what=what, verdict="fail" if detected else "pass")


def inference_notes(measurements: Sequence[Measurement]) -> tuple[str, ...]:
    """A note if inference gives different logits than training; else none."""
    ratios = {m.size: m.inference_ratio for m in measurements if m.inference_ratio is not None}
    different = {w: ratio for w, ratio in ratios.items() if abs(ratio - 1) > LOGIT_TOLERANCE}
    if not different:
        return ()
    width = max(different)
    return (
        f"without targets the model's logits are {different[width]:.3g} times those with targets "
        f"at width {width}: training and inference differ; training was checked",
    )
