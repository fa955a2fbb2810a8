"""Verdicts of the width axis: on each tensor and on the model, with its regime."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.diagnosis import diagnose
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import fit_slope
from mutransfer_cli.coordcheck.verdict.tensor_verdict import (
    EXPONENT_TOLERANCE,
    SEVERITY,
    TensorVerdict,
)
from mutransfer_cli.documents.check import (
    ControlReport,
    FaultReport,
    Regime,
    TensorReport,
    Verdict,
)

log = logging.getLogger(__name__)

HIDDEN_ROLES = frozenset({"hidden", "convolution", "expert"})


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
    verdict = max(aspects.values(), key=SEVERITY.index)
    diagnosis = diagnose(v, expected, ratio) if verdict != "pass" else None
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
        message=diagnosis.message if diagnosis else None,
        fix=diagnosis.fix if diagnosis else None,
        update_slope=v.update.report(v.expected_update) if v.update else None,
        init_slope=v.init.report(expected.init) if v.init else None,
        decay_slope=v.decay.report(expected.decay) if v.decay else None,
        epsilon_slope=v.epsilon.report(0.0) if v.epsilon else None,
        aspects=aspects,
    )


def overall_verdict(
    tensors: Sequence[TensorReport],
    control: ControlReport,
    faults: Sequence[FaultReport],
    parameterization: str,
    strict: bool,
) -> tuple[Verdict, str]:
    """The verdict of the check and its reason.

    Args:
        tensors: The reports on the tensors.
        control: The negative control, which must fail.
        faults: Faults of the whole model; any of them fails the check.
        parameterization: Name of the parameterization that the model is compared with.
        strict: Whether warnings fail the check.
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
            f"{', '.join(undecided)}: deviation within two standard errors; give more --seeds or "
            "larger --widths",
        )
    if control.verdict != "fail":
        return (
            "inconclusive",
            f"sanity check: a deliberately wrong learning rate passed too ({control.what}); give "
            "larger --widths",
        )
    return (
        "pass",
        f"all {len(tensors)} tensors scale as {parameterization}; sanity check: a deliberately "
        "wrong learning rate is detected",
    )


def regime_of(
    expected: Mapping[str, Expectation], measurements: Sequence[Measurement]
) -> Regime | None:
    """The regime, from the slope of the change of the hidden layers' outputs."""
    modules = [n.rpartition(".")[0] for n, e in expected.items() if e.role in HIDDEN_ROLES]
    fits = [
        fit_slope(measurements, lambda m, name=name: m.changes.get(name))  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        for name in modules
    ]
    slopes = [fit.value for fit in fits if fit is not None]
    if not slopes:
        return None
    slope = sum(slopes) / len(slopes)
    if abs(slope) <= EXPONENT_TOLERANCE:
        return "feature-learning"
    return "lazy" if slope < 0 else "unstable"
