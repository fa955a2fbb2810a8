"""What is wrong with a tensor, in plain words, and the repair as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TOLERANCE, Judged
from mutransfer_cli.documents.check import Finding


@dataclass(frozen=True, slots=True)
class Diagnosis:
    finding: Finding
    message: str
    fix: str


def halves(value: float) -> float:
    """The nearest half, away from zero: theory's exponents lie on that grid."""
    nearest = round(value * 2) / 2
    return nearest if nearest else (0.5 if value > 0 else -0.5)


def power(exponent: float) -> str:
    return "m" if exponent == 1 else f"m^{exponent:g}"


def times(off: float, ratio: float) -> str:
    """How many times too large or small it is at the largest width."""
    factor = ratio ** abs(halves(off))
    kind = "large" if off > 0 else "small"
    return f"{factor:.3g} times too {kind} at {ratio:g} times the width"


def multiplied(off: float) -> str:
    """The repair: a power of the width multiplier that undoes the deviation."""
    exponent = halves(off)
    verb = "divide" if exponent > 0 else "multiply"
    return f"{verb} it by {power(abs(exponent))}, m = width / base width"


def diagnose(judged: Judged, expected: Expectation, ratio: float) -> Diagnosis | None:
    """The finding of a tensor that does not pass; ratio is the largest width over the smallest."""
    name = f"`{judged.name}`"
    if not judged.moved:
        return Diagnosis(
            "not-trained",
            f"{name}: its own update changes nothing",
            "give it to the optimizer, and make sure that a gradient reaches it",
        )
    if judged.aspects.get("epsilon") == "fail" and abs(judged.init_off) <= TOLERANCE:
        return Diagnosis(
            "epsilon",
            f"{name}: epsilon does not follow its gradient, which shrinks with width: it takes "
            f"{judged.epsilon_share:.2g} of an update at the largest width, and would take "
            f"{judged.epsilon_ahead:.2g} at 16 times that width",
            "epsilon: divide it by m, m = width / base width, or take a far smaller one",
        )
    if abs(judged.init_off) > TOLERANCE:
        both = expected.role == "readout" and judged.init_off > 0 and judged.off > TOLERANCE
        times_in = 1 if abs(judged.init_off - judged.off) < TOLERANCE else 2  # SGD: squared
        if both and abs(times_in * judged.init_off - judged.off) < TOLERANCE:
            return Diagnosis(
                "multiplier-missing",
                f"{name}: its forward multiplier is missing: outputs and updates are "
                f"{times(judged.init_off, ratio)}",
                f"multiply its input by 1/{power(halves(judged.init_off))}, m = width / base width",
            )
        finding: Finding = "init-too-large" if judged.init_off > 0 else "init-too-small"
        also = f"; its update too, {times(judged.off, ratio)}" if abs(judged.off) > 0.25 else ""
        return Diagnosis(
            finding,
            f"{name}: its init standard deviation is {times(judged.init_off, ratio)}{also}",
            f"init: {multiplied(judged.init_off)}",
        )
    if abs(judged.off) > TOLERANCE:
        too = (
            "not divided by the width multiplier as it should be"
            if judged.off > 0
            else ("divided by the width multiplier once too often")
        )
        return Diagnosis(
            "lr-too-large" if judged.off > 0 else "lr-too-small",
            f"{name}: its learning rate is {too}; it is {times(judged.off, ratio)}",
            f"learning rate: {multiplied(judged.off)}",
        )
    return decay_diagnosis(judged, ratio) if judged.aspects.get("weight decay") == "warn" else None


def decay_diagnosis(judged: Judged, ratio: float) -> Diagnosis:
    """Decay per step that changes with width: a matter of convention, so a warning."""
    return Diagnosis(
        "weight-decay",
        f"`{judged.name}`: its decay per step changes with width; it is "
        f"{times(judged.decay_off, ratio)}",
        f"weight decay: {multiplied(judged.decay_off)}, so that lr × weight_decay is constant",
    )
