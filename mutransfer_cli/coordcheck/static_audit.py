"""The static audit, which checks parameter groups and init without taking a step.

It compares the exponents in width of each tensor's init and learning rate with the rule's row. A
forward multiplier cannot be seen this way; the exponent that it must have follows from that of the
init (abc-symmetry: Yang and Hu, arXiv 2011.14522), and from it that of the
learning rate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mutransfer_cli.catalog.findings import FINDINGS
from mutransfer_cli.coordcheck.check_request import CheckRequest
from mutransfer_cli.coordcheck.measure.recorder import rms
from mutransfer_cli.coordcheck.measure.training_step import BuildSubject, optimizer_parts
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.verdict.coverage import FROZEN
from mutransfer_cli.coordcheck.verdict.diagnosis import Diagnosis, correction, excess, lr_finding
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE, exact_slope
from mutransfer_cli.coordcheck.verdict.tensor_verdict import SEVERITY
from mutransfer_cli.coordcheck.verdict.width_verdict import notes_on_unjudged, unmeasured_report
from mutransfer_cli.documents.check import (
    AspectVerdict,
    CheckDocument,
    ControlReport,
    Slope,
    TensorReport,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.own.trial_update import matrix_shape
from mutransfer_cli.optimizers.shape_factors import LrAdjustment

STATIC_LIMITS = (
    "forward multipliers, attention and gradients: nothing was run",
    "a factor that is wrong at every width alike",
)


@dataclass(frozen=True, slots=True)
class AuditedWidth:
    """What is read off the model and its optimizer at one width.

    Attributes:
        groups: Options of each tensor's parameter group.
        spread: RMS of each tensor's entries.
        shapes: Shape of each tensor.
        frozen: Tensors that require no gradient.
    """

    groups: Mapping[str, Mapping[str, Any]]
    spread: Mapping[str, float]
    shapes: Mapping[str, tuple[int, ...]]
    frozen: frozenset[str] = frozenset()


def audit(request: CheckRequest) -> CheckReport:
    """Compare the optimizer's groups with the table.

    Raises:
        InputError: A tensor is in two groups.
    """
    started = time.perf_counter()
    widths = {w: read_groups(request.build, w) for w in request.widths}
    tensors = tuple(
        audit_tensor(name, e, widths, request.ratio) for name, e in request.expected.items()
    )
    tensors += tuple(unmeasured_report(n, role, why) for n, (role, why) in request.unjudged.items())
    failing = {"fail", "warn"} if request.strict else {"fail"}
    failed = [t.name for t in tensors if t.verdict in failing]
    reason = f"the optimizer's groups are those of {request.parameterization} (static audit)"
    if failed:
        reason = (
            f"the groups of {len(failed)} of {len(tensors)} tensors are not those of "
            f"{request.parameterization} (static audit)"
        )
    unjudged = sum(t.aspects.get("learning rate") == "not judged" for t in tensors)
    if unjudged:
        reason += f"; {unjudged} of {len(tensors)} tensors were not judged"
    return CheckReport(
        CheckDocument(
            verdict="fail" if failed else "pass",
            reason=reason,
            regime=None,
            expected=request.parameterization,
            widths=request.widths,
            seeds=1,
            seconds=time.perf_counter() - started,
            tensors=tensors,
            modules=(),
            control=ControlReport(what="not run", verdict=None),
            limits=STATIC_LIMITS,
            notes=(*notes_on_unjudged(tensors), *request.notes),
        )
    )


def read_groups(build: BuildSubject, width: int) -> AuditedWidth:
    """Read each tensor's parameter group and RMS at one width.

    Raises:
        InputError: A tensor is in two groups.
    """
    subject = build(width, 0)
    assert subject.optimizer is not None
    names = {id(p): name for name, p in subject.model.named_parameters()}
    groups: dict[str, dict[str, Any]] = {}
    for part in optimizer_parts(subject.optimizer):
        for group in part.param_groups:
            options = {k: v for k, v in group.items() if k != "params"}
            for p in group["params"]:
                name = names.get(id(p), "")
                if name in groups:
                    raise InputError(f"{name} is in two groups", path=("optimizer",))
                groups[name] = {**getattr(part, "defaults", {}), **options}
    named = dict(subject.model.named_parameters())
    frozen = frozenset(name for name, p in named.items() if not p.requires_grad)
    spread = {name: rms(p) for name, p in named.items()}
    return AuditedWidth(groups, spread, {n: tuple(p.shape) for n, p in named.items()}, frozen)


def expected_lr(expected: Expectation, init: float | None) -> float | None:
    """The expected exponent of the learning rate, given the multiplier that matches the init.

    Args:
        expected: The expected exponents of the tensor.
        init: The measured exponent of its init standard deviation.
    """
    if expected.lr is None or expected.init is None or init is None or expected.row_init is None:
        return expected.lr
    multiplier = expected.row_init - init  # exponent of the forward multiplier that compensates
    return expected.lr + expected.geometry.lr_power * multiplier


def right_rates(expected: Expectation, init: float | None) -> tuple[float, float] | None:
    """The least and the greatest exponent of the learning rate that may be right; None: unknown.

    The init of a readout at zero does not tell how much of the factor is in the forward pass: its
    rate may be that of the table's row or that without a multiplier, which follows from it (a rate
    ∝ multiplier^lr_power keeps the effect: Yang and Hu, arXiv 2011.14522).

    Args:
        expected: The expected exponents of the tensor.
        init: The measured exponent of its init standard deviation; None where it is zero.
    """
    right = expected_lr(expected, init)
    if right is None:
        return None
    if init is not None or expected.acts_as != "readout":
        return right, right
    if expected.init is None or expected.row_init is None:
        return right, right
    of_row = expected.init - expected.row_init - 0.5  # the row's multiplier; 1/2 from fan-in
    without = right - expected.geometry.lr_power * of_row
    return min(right, without), max(right, without)


def audit_tensor(
    name: str, expected: Expectation, widths: Mapping[int, AuditedWidth], ratio: float
) -> TensorReport:
    """The report on one tensor.

    Args:
        name: The tensor's name.
        expected: The expected exponents of the tensor.
        widths: The values that were read at each width.
        ratio: The largest width divided by the smallest.
    """
    groups = {w: audited.groups.get(name) for w, audited in widths.items()}
    diagnosis: Diagnosis | None = None
    present = {w: g for w, g in groups.items() if g is not None}
    if all(name in audited.frozen for audited in widths.values()):
        return unmeasured_report(name, expected.role, FROZEN)
    if len(present) < len(groups):
        diagnosis = Diagnosis(
            "not-trained",
            f"`{name}`: in no group of the optimizer",
            FINDINGS["not-trained"].fix(),
        )
        return report(name, expected.role, {"groups": "fail"}, None, diagnosis)
    init = exact_slope({w: audited.spread[name] for w, audited in widths.items()})
    adjustment = expected.adjustment
    factors = {
        w: adjustment(matrix_shape(widths[w].shapes[name])) if adjustment else 1.0 for w in present
    }
    lr = exact_slope({w: float(g["lr"]) * factors[w] for w, g in present.items()})
    decay = exact_slope(
        {w: float(g["lr"]) * float(g.get("weight_decay") or 0) for w, g in present.items()}
    )
    right = right_rates(expected, init)
    right_lr = None if lr is None or right is None else min(max(lr, right[0]), right[1])
    slope = None
    is_judged = lr is not None and right_lr is not None
    aspects: dict[str, AspectVerdict] = {"learning rate": "pass" if is_judged else "not judged"}
    if decay is not None:
        decay_is_right = abs(decay - expected.decay) <= EXPONENT_TOLERANCE
        aspects["weight decay"] = "pass" if decay_is_right else "warn"
        if not decay_is_right:
            diagnosis = Diagnosis(
                "weight-decay",
                f"`{name}`: its decay per step, lr × weight_decay, goes as width^{decay:.2g}",
                FINDINGS["weight-decay"].fix(change=correction(decay - expected.decay)),
            )
    if lr is not None and right_lr is not None:
        slope = Slope(value=lr, low=None, high=None, expected=right_lr)
        if abs(lr - right_lr) > EXPONENT_TOLERANCE:
            aspects["learning rate"] = "fail"
            finding = lr_finding(lr - right_lr)
            shown = round(right_lr, 3) + 0.0  # without the noise of a random init
            diagnosis = Diagnosis(
                finding,
                f"`{name}`: its learning rate{times_factor(adjustment)} goes as width^{lr:.2g}, "
                f"expected width^{shown:.2g}: it is {excess(lr - right_lr, ratio)}",
                FINDINGS[finding].fix(change=correction(lr - right_lr)),
            )
    return report(name, expected.role, aspects, slope, diagnosis)


def times_factor(adjustment: LrAdjustment | None) -> str:
    """The factor that the optimizer applies to a learning rate, for messages."""
    return f" × {adjustment.formula} (adjust_lr {adjustment.name})" if adjustment else ""


def report(
    name: str,
    role: str,
    aspects: dict[str, AspectVerdict],
    slope: Slope | None,
    diagnosis: Diagnosis | None,
) -> TensorReport:
    """The report on one tensor, as a part of the document.

    Args:
        name: The tensor's name.
        role: The tensor's role.
        aspects: The verdict on each aspect; the worst is the tensor's.
        slope: Slope of the learning rate, if it was judged.
        diagnosis: What is wrong; None if nothing is.
    """
    return TensorReport(
        name=name,
        role=role,
        verdict=max(aspects.values(), key=SEVERITY.index),
        finding=diagnosis.finding if diagnosis else None,
        message=diagnosis.message if diagnosis else None,
        fix=diagnosis.fix if diagnosis else None,
        update_slope=slope,
        init_slope=None,
        decay_slope=None,
        aspects=aspects,
    )
