"""Failures that prove nothing yet: effects of small widths, and consequences of other faults."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.documents.check import AspectVerdict, FaultReport, TensorReport

PERSISTING = 0.375  # halfway between the tolerance and the smallest possible error
RELIABLE_WIDTH = 64  # below it, exponents still differ from those of the limit


def without_effects_of_small_widths(
    tensors: Sequence[TensorReport], wider: Sequence[TensorVerdict], widths: Sequence[int]
) -> tuple[TensorReport, ...]:
    """The reports, undecided where a deviation is one of the smaller widths only.

    Exponents are those of the limit of large widths: an error of the parameterization deviates as
    much between the larger widths as between the smaller ones.

    Args:
        tensors: The reports over all widths.
        wider: The verdicts over the larger widths.
        widths: All widths, in ascending order.
    """
    verdicts = {v.name: v for v in wider}
    reports = []
    for t in tensors:
        v = verdicts.get(t.name)
        if t.verdict != "fail" or v is None or not v.moved or v.aspects.get("epsilon") == "fail":
            reports.append(t)
            continue
        of_init = (t.finding or "").startswith(("init", "multiplier"))
        deviation = v.init_deviation if of_init else v.deviation
        if abs(deviation) > EXPONENT_TOLERANCE:
            reports.append(t)
            continue
        reason = (
            f"it deviates between the smaller widths, and by {deviation:+.2f} only between the "
            f"larger ones; {wider_widths(widths)}"
        )
        reports.append(undecided(t, reason))
    return tuple(reports)


def persists(deviation: float, error: float) -> AspectVerdict:
    """Judge between the larger widths: an error persists as one of at least 1/2.

    Args:
        deviation: The deviation of an exponent.
        error: Its standard error, which two widths do not bound.
    """
    return "fail" if abs(deviation) > PERSISTING else "pass"


def doubt_about(
    faults: Sequence[FaultReport], wider: Sequence[FaultReport], widths: Sequence[int]
) -> str:
    """Why faults of activations prove nothing: the larger widths show none; empty if they do.

    Where an activation joins parts of which some do not grow, as in skip connections of the input,
    its size still changes with the width while those parts are a large share of it.

    Args:
        faults: Faults over all widths.
        wider: Faults over the larger widths alone.
        widths: All widths, in ascending order.
    """
    if not faults or wider:
        return ""
    names = ", ".join(f"`{fault.where}`" if fault.where else "the model" for fault in faults)
    return (
        f"the size of activations behind {names} changes between the smaller widths only; "
        f"{wider_widths(widths)}"
    )


def notes_on_excused(
    verdicts: Sequence[TensorVerdict], tensors: Sequence[TensorReport]
) -> tuple[str, ...]:
    """Why tensors pass whose slope is outside the tolerance.

    Args:
        verdicts: The verdicts on the tensors.
        tensors: The reports on them.
    """
    passed = {t.name for t in tensors if t.aspects.get("update") == "pass"}
    return tuple(
        f"`{v.name}` passes with a slope of {v.update.value:+.2f}: corrected for the size of its "
        f"input, or along the descent of the loss, it deviates by {v.deviation:+.2f}"
        for v in verdicts
        if v.name in passed
        and v.update is not None
        and abs(v.update.value - v.expected_update) > EXPONENT_TOLERANCE
    )


def wider_widths(widths: Sequence[int]) -> str:
    """Which widths to give instead, as a command-line option."""
    factor = 2
    while widths[0] * factor < RELIABLE_WIDTH:
        factor *= 2
    return f"give --widths {','.join(str(w * factor) for w in widths)}"


def postponed(report: TensorReport) -> TensorReport:
    """The report on a tensor that cannot be judged before a fault of its input is repaired."""
    return undecided(
        report,
        "its input depends on the width; it is judged once the faults of the model are repaired",
    )


def undecided(report: TensorReport, reason: str) -> TensorReport:
    """The report on a tensor that fails, as inconclusive for a reason."""
    aspects: dict[str, AspectVerdict] = {
        aspect: "inconclusive" if verdict == "fail" else verdict
        for aspect, verdict in report.aspects.items()
    }
    return report.model_copy(
        update={
            "verdict": "inconclusive",
            "finding": None,
            "message": f"`{report.name}`: {reason}",
            "fix": None,
            "repairs": (),
            "aspects": aspects,
        }
    )
