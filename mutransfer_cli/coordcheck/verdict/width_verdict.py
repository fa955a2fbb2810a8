"""Verdicts of the width axis: on each tensor and on the model."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from mutransfer_cli.coordcheck.verdict.diagnosis import diagnose
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.regime import HIDDEN_ROLES
from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE
from mutransfer_cli.coordcheck.verdict.tensor_verdict import SEVERITY, TensorVerdict
from mutransfer_cli.documents.check import (
    AspectVerdict,
    ControlReport,
    FaultReport,
    TensorReport,
    Verdict,
)

log = logging.getLogger(__name__)

JUDGED_INITS = HIDDEN_ROLES | {"input", "readout"}


def tensor_report(v: TensorVerdict, expected: Expectation, ratio: float) -> TensorReport:
    """The report on one tensor.

    Args:
        v: The tensor's slopes and deviations.
        expected: The expected exponents of the tensor.
        ratio: The largest width divided by the smallest.
    """
    aspects = v.aspects
    if expected.role == "readout" and v.moved and v.init_deviation < -EXPONENT_TOLERANCE:
        aspects["init"] = "warn"  # harmless: muP even recommends a readout that starts at zero
    verdict: AspectVerdict = max(aspects.values(), key=SEVERITY.index, default="not judged")
    diagnosis = diagnose(v, expected, ratio) if verdict not in {"pass", "not judged"} else None
    if verdict == "inconclusive":
        log.info(
            "%s is undecided: update off by %.2f (standard error %.2f), init by %.2f",
            v.name,
            v.deviation,
            v.deviation_error,
            v.init_deviation,
        )
    return TensorReport(
        name=v.name,
        role=expected.role,
        verdict=verdict,
        finding=diagnosis.finding if diagnosis else None,
        message=diagnosis.message if diagnosis else unjudged_message(v, verdict),
        fix=diagnosis.fix if diagnosis else None,
        update_slope=v.update.report(v.expected_update) if v.update else None,
        init_slope=v.init.report(expected.init) if v.init else None,
        decay_slope=v.decay.report(expected.decay) if v.decay else None,
        epsilon_slope=v.epsilon.report(0.0) if v.epsilon else None,
        aspects=aspects,
        not_judged=dict(v.not_judged),
        repairs=diagnosis.repairs if diagnosis and verdict in {"fail", "warn"} else (),
    )


def unjudged_message(v: TensorVerdict, verdict: AspectVerdict) -> str | None:
    """Why the update of a tensor is undecided though nothing deviates; None if it is not."""
    undecided = verdict == "inconclusive" and v.problem in {"sparse", "outside"}
    return f"`{v.name}`: {v.not_judged['update']}" if undecided else None


def unmeasured_report(name: str, role: str, reason: str) -> TensorReport:
    """The report on a tensor for which there is no rule, or nothing to measure.

    Args:
        name: The tensor's name.
        role: The tensor's role.
        reason: Why it is not judged.
    """
    return TensorReport(
        name=name,
        role=role,
        verdict="not judged",
        finding=None,
        message=None,
        fix=None,
        update_slope=None,
        init_slope=None,
        decay_slope=None,
        not_judged={"update": reason},
    )


def count_of_judged(tensors: Sequence[TensorReport], parameterization: str) -> str:
    """How many tensors scale as they should, of those whose update was judged.

    Args:
        tensors: The reports on the tensors, all of which pass.
        parameterization: Name of the parameterization that the model is compared with.
    """
    judged = [t for t in tensors if "update" not in t.not_judged]
    if len(judged) == len(tensors):
        return f"all {len(tensors)} tensors scale as {parameterization}"
    return (
        f"{len(judged)} of {len(tensors)} tensors scale as {parameterization}, and "
        f"{len(tensors) - len(judged)} are not judged"
    )


def notes_on_unjudged(tensors: Sequence[TensorReport]) -> tuple[str, ...]:
    """A line for each reason for which updates, or inits of matrices, are not judged."""
    names: dict[tuple[str, str], list[str]] = {}
    for t in tensors:
        for aspect, reason in t.not_judged.items():
            if aspect == "update" or (aspect == "init" and t.role in JUDGED_INITS):
                names.setdefault((aspect, reason), []).append(t.name)
    return tuple(
        f"{aspect} not judged, {reason}: {', '.join(listed)}"
        for (aspect, reason), listed in names.items()
    )


def overall_verdict(
    tensors: Sequence[TensorReport],
    control: ControlReport,
    faults: Sequence[FaultReport],
    parameterization: str,
    strict: bool,
    regime_fault: str = "",
    wider: str = "give larger --widths",
    regime_remark: str = "",
    doubt: str = "",
) -> tuple[Verdict, str]:
    """The verdict of the check and its reason.

    Args:
        tensors: The reports on the tensors.
        control: The negative control, which must fail.
        faults: Faults of the whole model; any of them fails the check.
        parameterization: Name of the parameterization that the model is compared with.
        strict: Whether warnings fail the check.
        regime_fault: Why the regime contradicts a pass; empty if it does not.
        wider: Which widths to give if these do not suffice.
        regime_remark: What a regime means that the parameterization predicts; empty if it learns
            features.
        doubt: Why a fault of the activations is not certain; empty if there is none.
    """
    failing = {"fail", "warn"} if strict else {"fail"}
    failed = [t.name for t in tensors if t.verdict in failing]
    if faults and any(f.finding == "unstable" for f in faults):
        return "fail", "; ".join(map(str, faults))
    if faults or failed:
        count = f"{len(failed)} of {len(tensors)} tensors do not scale as {parameterization}"
        return "fail", "; ".join([*map(str, faults), *([count] if failed else [])])
    undecided = [t.name for t in tensors if t.verdict == "inconclusive"]
    if undecided:
        return (
            "inconclusive",
            undecided_reason([t for t in tensors if t.verdict == "inconclusive"], wider),
        )
    if doubt:
        return "inconclusive", doubt
    if control.verdict != "fail":
        return (
            "inconclusive",
            f"sanity check: a deliberately wrong learning rate passed too ({control.what}); "
            f"{wider}",
        )
    if regime_fault:
        return "inconclusive", regime_fault
    if all(t.verdict == "not judged" for t in tensors):
        return "inconclusive", "no tensor could be judged"
    return (
        "pass",
        "; ".join(
            [
                count_of_judged(tensors, parameterization),
                *([regime_remark] if regime_remark else []),
                "sanity check: a deliberately wrong learning rate is detected",
            ]
        ),
    )


def undecided_reason(undecided: Sequence[TensorReport], wider: str) -> str:
    """Why the check is inconclusive: reasons of tensors that have their own, and of the others.

    Args:
        undecided: The reports on the undecided tensors.
        wider: Which widths to give if these do not suffice.
    """
    own = [t.message for t in undecided if t.message and t.finding is None]
    scattered = [t.name for t in undecided if not t.message or t.finding is not None]
    if scattered:
        own.insert(
            0,
            f"{', '.join(scattered)}: deviation within two standard errors; give more --seeds, or "
            f"{wider}",
        )
    return "; ".join(own)
