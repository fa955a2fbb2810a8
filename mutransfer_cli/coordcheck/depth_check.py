"""Checks the depth axis: whether the network behaves alike at every depth.

As the depth grows, the contribution of a single block shrinks while the number of blocks grows: the
sum over the blocks stays constant (CompleteP, arXiv 2505.01618, section 4).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial

from mutransfer_cli.coordcheck.measure.depth_training import (
    ATTENTION,
    STREAM,
    DepthMeasurement,
    measure_depth,
)
from mutransfer_cli.coordcheck.measure.training_step import BuildSubject
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.verdict.depth_expectation import CONSTANT, DepthExpectation
from mutransfer_cli.coordcheck.verdict.depth_verdict import (
    NetworkSlopes,
    fit_network,
    network_faults,
    overall_verdict,
    regime_of,
    tensor_reports,
)
from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE, SlopeFit
from mutransfer_cli.documents.check import CheckDocument, ControlReport, ModuleReport
from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.blocks import Blocks

log = logging.getLogger(__name__)

DEFAULT_DEPTHS = (2, 4, 8, 16)
MIN_DEPTHS, MIN_DEPTH_RATIO = 3, 4
DEPTH_CONTROL_SEEDS = 2
DEPTH_LIMITS = (
    "a factor that is wrong at every depth alike",
    "betas, clipping, epsilon, weight decay and schedules",
    f"exponents off by less than {EXPONENT_TOLERANCE}",
)
DEPTH_CONTROL = "the learning rate in the blocks × depth / smallest depth"


def run_depth_check(
    build: BuildSubject,
    blocks: Blocks,
    depths: Sequence[int] = DEFAULT_DEPTHS,
    *,
    parameterization: str,
    expected: DepthExpectation = CONSTANT,
    seeds: int = 3,
    steps: int = 3,
    first_seed: int = 0,
) -> CheckReport:
    """Train at several depths and check that every quantity is constant in depth.

    Args:
        build: Builds the subject for a depth and a seed.
        blocks: The blocks that repeat along the depth.
        depths: At least three depths over a ratio of four.
        parameterization: Name for the report; the expectations are the same for all.
        expected: The exponents that the rule for the depth lets them have.
        seeds: Number of seeds.
        steps: Number of optimizer steps per training.
        first_seed: The first seed.

    Raises:
        InputError: Too few depths, or no block is called as a module.
    """
    started = time.perf_counter()
    ratio = max(depths) / min(depths)
    if len(depths) < MIN_DEPTHS or ratio < MIN_DEPTH_RATIO:
        raise InputError(
            f"--depths {','.join(map(str, depths))}: expected at least three over a ratio of 4, "
            "such as 2,4,8,16"
        )
    all_seeds = range(first_seed, first_seed + seeds)
    steps = 1 if expected.all_blocks else steps
    measure = partial(measure_depth, all_blocks=expected.all_blocks)
    measurements = [measure(build, d, s, steps, blocks) for s in all_seeds for d in depths]
    slopes = fit_network(measurements)
    tensors = tensor_reports(measurements, slopes.stream, ratio, blocks, expected)
    faults = network_faults(slopes, expected)
    control_measurements = [
        measure(build, d, s, steps, blocks, block_lr_factor=d / min(depths))
        for s in all_seeds[:DEPTH_CONTROL_SEEDS]
        for d in depths
    ]
    detected = [
        t.name
        for t in tensor_reports(control_measurements, slopes.stream, ratio, blocks, expected)
        if t.finding == "lr-too-large" and t.verdict == "fail"
    ]
    log.info("negative control (%s): %d kinds of tensor fail", DEPTH_CONTROL, len(detected))
    control = ControlReport(what=DEPTH_CONTROL, verdict="fail" if detected else "pass")
    verdict, reason = overall_verdict(measurements, tensors, faults, control)
    return CheckReport(
        CheckDocument(
            verdict=verdict,
            reason=reason,
            regime=regime_of(measurements, slopes),
            axis="depth",
            expected=parameterization,
            widths=tuple(depths),
            seeds=seeds,
            seconds=time.perf_counter() - started,
            tensors=tensors,
            modules=module_reports(slopes, measurements, expected.alpha),
            control=control,
            limits=DEPTH_LIMITS,
            faults=faults,
        )
    )


def module_reports(
    slopes: NetworkSlopes, measurements: Sequence[DepthMeasurement], alpha: float
) -> tuple[ModuleReport, ...]:
    """The curves of the network's quantities, in the form of the document's modules.

    Args:
        slopes: Slopes of the network's quantities.
        measurements: Measurements at all depths and seeds.
        alpha: The residual exponent.
    """
    return tuple(
        module_report(name, fit.all, measurements, alpha - 1 if name == ATTENTION else 0.0)
        for name, fit in slopes.by_name.items()
    )


def module_report(
    name: str, fit: SlopeFit, measurements: Sequence[DepthMeasurement], expected: float
) -> ModuleReport:
    """The curve of one quantity of the network.

    Args:
        name: STREAM, CHANGE or ATTENTION.
        fit: The quantity's slope over all depths.
        measurements: Measurements at all depths and seeds.
        expected: The expected slope.
    """
    by_depth: dict[int, list[float]] = {}
    for m in measurements:
        by_depth.setdefault(m.size, []).append(m.network[name])
    means = {depth: sum(values) / len(values) for depth, values in by_depth.items()}
    at_init = name == STREAM
    return ModuleReport(
        name=name,
        init_slope=fit.report(expected) if at_init else None,
        change_slope=None if at_init else fit.report(expected),
        init=means if at_init else {},
        change={} if at_init else means,
    )
