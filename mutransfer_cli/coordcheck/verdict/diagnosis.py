"""Diagnoses a tensor that does not pass: what is wrong, and how to repair it."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.findings import FINDINGS
from mutransfer_cli.coordcheck.verdict.deviations.exponent_deviation import UseDeviation
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.documents.check import Repair

FLAT_EXPONENT = 0.05  # exponents that are smaller in magnitude are called constant


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with one tensor.

    Attributes:
        finding: A code of `catalog.findings`.
        message: What was measured, and what it means.
        fix: How to repair it.
        repairs: The same for programs.
    """

    finding: str
    message: str
    fix: str
    repairs: tuple[Repair, ...] = ()


def nearest_half(deviation: float) -> float:
    """The nearest multiple of 1/2 other than 0: exponents of the theory are multiples of 1/2."""
    nearest = round(deviation * 2) / 2
    return nearest if nearest else (0.5 if deviation > 0 else -0.5)


def rounded_half(deviation: float) -> float:
    """The nearest multiple of 1/2; 0 within the tolerance."""
    return nearest_half(deviation) if abs(deviation) > EXPONENT_TOLERANCE else 0.0


def power(exponent: float) -> str:
    """A power of the multiplier m, as text."""
    return "m" if exponent == 1 else f"m^{exponent:g}"


def excess(deviation: float, ratio: float, axis: str = "width") -> str:
    """How many times too large or small something is at the largest size.

    Args:
        deviation: Deviation of the exponent.
        ratio: The largest size divided by the smallest.
        axis: Name of the axis.
    """
    factor = ratio ** abs(nearest_half(deviation))
    kind = "large" if deviation > 0 else "small"
    return f"{factor:.3g} times too {kind} at {ratio:g} times the {axis}"


def correction(deviation: float, axis: str = "width") -> str:
    """The repair: a power of the multiplier that undoes a deviation of the exponent."""
    exponent = nearest_half(deviation)
    verb = "divide" if exponent > 0 else "multiply"
    return f"{verb} it by {power(abs(exponent))}, m = {axis} / base {axis}"


def trend(exponent: float) -> str:
    """How a quantity depends on the size."""
    if abs(exponent) < FLAT_EXPONENT:
        return "is constant"
    return f"{'grows' if exponent > 0 else 'shrinks'} like m^{exponent:.2g}"


def lr_finding(deviation: float) -> str:
    """The code of the finding for a learning rate that is too large or too small."""
    return "lr-too-large" if deviation > 0 else "lr-too-small"


def diagnose(verdict: TensorVerdict, expected: Expectation, ratio: float) -> Diagnosis | None:
    """Diagnose a tensor that does not pass; None if no aspect deviates far enough.

    Args:
        verdict: The tensor's slopes and deviations.
        expected: The expected exponents of the tensor.
        ratio: The largest width divided by the smallest.
    """
    if not verdict.moved:
        return Diagnosis(
            "not-trained",
            f"`{verdict.name}`: no effect of its update was measured (not in the optimizer? no "
            "input reached it?)",
            FINDINGS["not-trained"].fix(),
        )
    if verdict.problem in {"sparse", "outside"} and verdict.update is None:
        return None
    if verdict.aspects.get("epsilon") == "fail" and (
        abs(verdict.init_deviation) <= EXPONENT_TOLERANCE
    ):
        return Diagnosis(
            "epsilon",
            f"`{verdict.name}`: epsilon does not follow its gradient, which shrinks with the "
            f"width: it takes {verdict.epsilon_share:.2g} of an update at the largest width, and "
            f"would take {verdict.epsilon_share_ahead:.2g} at 16 times that width",
            FINDINGS["epsilon"].fix(),
            (Repair(name=verdict.name, quantity="eps", power=-1.0),),
        )
    if abs(verdict.init_deviation) > EXPONENT_TOLERANCE:
        return diagnose_init(verdict, expected, ratio)
    if verdict.unscaled_logits is not None:
        return diagnose_tied(verdict.name, verdict.unscaled_logits, ratio)
    if abs(verdict.deviation) > EXPONENT_TOLERANCE:
        finding = lr_finding(verdict.deviation)
        return Diagnosis(
            finding,
            f"`{verdict.name}`: its update {trend(verdict.expected_update + verdict.deviation)}, "
            f"expected m^{verdict.expected_update:g}: its learning rate is "
            f"{excess(verdict.deviation, ratio)}",
            FINDINGS[finding].fix(change=correction(verdict.deviation)),
            lr_repairs(verdict, verdict.deviation),
        )
    if verdict.aspects.get("weight decay") == "warn":
        return Diagnosis(
            "weight-decay",
            f"`{verdict.name}`: its decay per step changes with the width: it is "
            f"{excess(verdict.decay_deviation, ratio)}",
            FINDINGS["weight-decay"].fix(change=correction(verdict.decay_deviation)),
            lr_repairs(verdict, 0.0),
        )
    return None


def diagnose_tied(name: str, use: UseDeviation, ratio: float) -> Diagnosis:
    """Diagnose an embedding that is also the readout, without the multiplier of its logits.

    Args:
        name: The tensor's name.
        use: Its use as the readout.
        ratio: The largest width divided by the smallest.
    """
    # the aligned part grows by the full power already at small widths
    deviation = max(use.deviation, use.aligned or 0.0)
    exponent = nearest_half(deviation)
    return Diagnosis(
        "multiplier-missing",
        f"`{name}`: its update is right as that of the embedding; as that of the readout it is "
        f"{excess(deviation, ratio)}: the multiplier of the logits is missing",
        FINDINGS["multiplier-missing"].fix(
            what="the logits, before a bias,", power=power(exponent)
        ),
        (Repair(name=use.module, quantity="multiplier", power=-exponent),),
    )


def diagnose_init(verdict: TensorVerdict, expected: Expectation, ratio: float) -> Diagnosis:
    """Diagnose a tensor whose module has the wrong gain at init.

    Args:
        verdict: The tensor's slopes and deviations.
        expected: The expected exponents of the tensor.
        ratio: The largest width divided by the smallest.
    """
    init, name = verdict.init_deviation, verdict.name
    own = verdict.deviation if verdict.repaired_deviation is None else verdict.repaired_deviation
    # without other wrong inits; the size of a relative update is that of the tensor's own init
    update = verdict.deviation if expected.geometry.follows_weights else own
    # a missing multiplier is missing once in the update, and again in a gradient that it follows
    factors = 2 if expected.geometry.sees_gradient_scale else 1
    if (
        expected.role == "readout"
        and init > 0
        and rounded_half(update) == factors * nearest_half(init)
    ):
        return Diagnosis(
            "multiplier-missing",
            f"`{name}`: its forward multiplier is missing: outputs and updates are "
            f"{excess(init, ratio)}",
            FINDINGS["multiplier-missing"].fix(what="its input", power=power(nearest_half(init))),
            (Repair(name=name, quantity="multiplier", power=-nearest_half(init)),),
        )
    finding = "init-too-large" if init > 0 else "init-too-small"
    size = "size at init" if expected.layer_role else "init standard deviation"
    update_deviates = abs(own) > EXPONENT_TOLERANCE
    also = f"; its update too is {excess(own, ratio)}" if update_deviates else ""
    fix = FINDINGS[finding].fix(change=correction(init))
    if update_deviates:
        fix += f"; {FINDINGS[lr_finding(own)].fix(change=correction(own))}"
    return Diagnosis(
        finding,
        f"`{name}`: its {size} is {excess(init, ratio)}{also}",
        fix,
        (
            Repair(name=name, quantity="init", power=-nearest_half(init)),
            *lr_repairs(verdict, own),
        ),
    )


def lr_repairs(verdict: TensorVerdict, deviation: float) -> tuple[Repair, ...]:
    """The repair of the learning rate, and of the decay that it multiplies.

    Args:
        verdict: The tensor's slopes and deviations.
        deviation: Deviation of the update's exponent.
    """
    lr = -rounded_half(deviation)
    decay = -rounded_half(verdict.decay_deviation) - lr if verdict.decay is not None else 0.0
    changes = {"lr": lr, "weight_decay": decay}
    return tuple(
        Repair(name=verdict.name, quantity=quantity, power=power)  # type: ignore[arg-type]  # a literal
        for quantity, power in changes.items()
        if power
    )
