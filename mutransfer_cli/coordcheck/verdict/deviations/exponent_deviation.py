"""Deviations of measured slopes from the expected ones, by the most conservative estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.deviations.inherited_slopes import (
    effect_aspect,
    gradient_slope,
    input_slope,
)
from mutransfer_cli.coordcheck.verdict.deviations.matrix_rate import rate_deviation
from mutransfer_cli.coordcheck.verdict.expected_exponents import (
    MEASURED_WITH_MULTIPLIER,
    Expectation,
)
from mutransfer_cli.coordcheck.verdict.slopes import (
    EXPONENT_TOLERANCE,
    SlopeFit,
    conservative,
    fit_slope,
)

LOGIT_GRADIENT = 0.0  # exponent of the loss's gradient with respect to the logits
# Assumption: wrong exponents are off by 1/2 or more, and a rate is known to about 0.1.
CLEARLY_WRONG_RATE = 0.4
MADE_UP_FOR = 0.15  # largest slope of a layer's size where its init makes up for that of its input


@dataclass(frozen=True, slots=True)
class UseDeviation:
    """The effect of a tensor's update in one module that uses it.

    Attributes:
        fit: Slope of the effect.
        deviation: Most conservative estimate of the deviation of its exponent.
        expected: Expected exponent for this use.
        idle: Whether the loss does not depend on the tensor, but for rounding.
        is_lookup: Whether the module only looks up rows of the tensor by integers.
        module: Name of the module.
        aligned: Deviation of the part of the effect along the descent of the loss; None: unknown.
        rate_error: Standard error of the rate where that alone is judged; None: the effect is.
    """

    fit: SlopeFit
    deviation: float
    expected: float
    idle: bool = False
    is_lookup: bool = False
    module: str = ""
    aligned: float | None = None
    rate_error: float | None = None

    @property
    def error(self) -> float:
        """Standard error of the deviation."""
        return self.fit.error if self.rate_error is None else self.rate_error


def init_deviation(
    name: str, measurements: Sequence[Measurement], expected: Expectation
) -> tuple[SlopeFit | None, float]:
    """Slope and deviation of the gain of a tensor's module; None and 0 if it is not judged."""
    if expected.init is None:
        return None, 0.0
    follows = expected.acts_as in MEASURED_WITH_MULTIPLIER
    sizes = {m.size for m in measurements}
    measurements = [m for m in measurements if name in m.gains]  # no token may reach an expert
    if {m.size for m in measurements} != sizes:
        return None, 0.0

    def gain(m: Measurement) -> float | None:
        value = m.gains.get(name)
        return value and value * (m.output_multipliers[name] if follows else 1.0)

    fit = fit_slope(measurements, gain)
    if fit is None:
        return None, 0.0
    deviation = fit.value - expected.init
    inherited = input_slope(name, 0, measurements, expected)
    if inherited is not None:
        own = deviation - inherited.value
        if expected.acts_as != "readout" and grows_back(name, inherited, measurements):
            return fit, own - min(max(own, 0.0), expected.init_range)
        made_up_for = abs(deviation) <= MADE_UP_FOR or expected.acts_as == "readout"
        if made_up_for or deviation * own <= 0 or abs(own) < abs(deviation):
            deviation = conservative([deviation, own])
        else:  # the input changes by itself, as where parts of it do not grow
            deviation = own
    return fit, deviation - min(max(deviation, 0.0), expected.init_range)


def grows_back(name: str, input_at_init: SlopeFit, measurements: Sequence[Measurement]) -> bool:
    """Whether a layer's input shrinks with the width at init only, and not in training.

    So do the states behind a matrix onto a fixed number of features of std 1/width: a larger init
    would make up for them at init, and be too large once they have learned (derived).

    Args:
        name: A tensor of the layer.
        input_at_init: Slope of the input at init.
        measurements: Measurements at all widths and seeds.
    """
    change = fit_slope(measurements, lambda m: m.input_changes.get(name))
    if change is None or input_at_init.value > -EXPONENT_TOLERANCE:
        return False
    return abs(change.value) <= EXPONENT_TOLERANCE < change.value - input_at_init.value


def update_deviation(
    name: str, use: int, measurements: Sequence[Measurement], expected: Expectation
) -> UseDeviation | None:
    """Deviation of the effect of a tensor's update in one module that uses it; None: unmeasured.

    Args:
        name: The tensor's name.
        use: Index of the use.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
    """

    def slope_of(aspect: str) -> SlopeFit | None:
        """Slope of an aspect of the effect, with the multiplier that follows its module."""
        follows = expected.acts_as in MEASURED_WITH_MULTIPLIER

        def value_of(m: Measurement) -> float | None:
            value = effect_aspect(m, name, use, aspect)
            multiplier = effect_aspect(m, name, use, "output_multiplier")
            return value * multiplier if follows and value and multiplier else value

        return fit_slope(measurements, value_of)

    raw = slope_of("raw")
    if raw is None:
        return None
    measured = [m for m in measurements if use < len(m.effects[name])]
    if all(m.effects[name][use].is_idle for m in measured):
        return UseDeviation(raw, 0.0, expected.update, idle=True)
    right_exponent, right_gradient = expected.update, expected.gradient
    is_lookup = any(m.effects[name][use].is_lookup for m in measured)
    if expected.role == "tied" and not is_lookup:
        right_exponent, right_gradient = max(expected.update, expected.logit_update), LOGIT_GRADIENT
    aligned = slope_of("aligned")
    deviations = [raw.value - right_exponent]
    if aligned is not None:
        deviations.append(aligned.value - right_exponent)
    inherited = 0.0
    x = input_slope(name, use, measurements, expected)
    sees_gradient_scale = expected.geometry.sees_gradient_scale
    if x is not None:  # a gradient contains the input a second time
        inherited += x.value * (2 if sees_gradient_scale else 1)
    if sees_gradient_scale:
        gradient = gradient_slope(name, use, measurements, expected)
        inherited += gradient.value - right_gradient if gradient else 0.0
    corrected = deviations[0] - inherited
    deviations.append(corrected)
    rate = rate_deviation(name, measurements, expected)
    rate_error = None
    if rate is not None:
        gain = fit_slope(measurements, lambda m: m.gains.get(name))
        changes = gain and abs(gain.value - (expected.init or 0.0)) > MADE_UP_FOR
        if changes and expected.role != "readout":
            del deviations[:-1]  # the effect contains what its input does by itself
        deviations.append(rate.value)
    deviation = conservative(deviations)
    if rate is not None and expected.role != "readout" and abs(deviation) > EXPONENT_TOLERANCE:
        deviation = rate.value  # estimates by effects can be too small
    if rate is not None and sees_gradient_scale and abs(rate.value) > CLEARLY_WRONG_RATE:
        # an input that changes would make both deviate
        keeps_input = x is not None and abs(x.value) <= MADE_UP_FOR
        if keeps_input and abs(conservative([corrected, rate.value])) > EXPONENT_TOLERANCE:
            # the gradient alone makes the effect look right
            deviation, rate_error = rate.value, rate.error
    module = measured[0].effects[name][use].module
    along = aligned.value - right_exponent if aligned else None
    return UseDeviation(
        raw, deviation, right_exponent, is_lookup=is_lookup, module=module, aligned=along,
        rate_error=rate_error,
    )  # fmt: skip


def move_deviation(
    name: str, measurements: Sequence[Measurement], expected: Expectation
) -> UseDeviation | None:
    """Deviation of the size of a vector's or scalar's own update, where its effect is unknown.

    An update that is as large as its gradient is divided by it: what remains is its learning rate.

    Args:
        name: The tensor's name.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
    """
    if expected.lr is None:
        return None
    follows_gradient = expected.geometry.sees_gradient_scale
    moved = [m for m in measurements if name in m.moves]
    fit = fit_slope(moved, lambda m: m.rates.get(name) if follows_gradient else m.moves[name])
    return UseDeviation(fit, fit.value - expected.lr, expected.lr) if fit else None


def with_own_size(
    name: str, measured: UseDeviation, measurements: Sequence[Measurement], expected: Expectation
) -> UseDeviation:
    """The deviation of a part of a mixture of experts, by its effect and by its update's own size.

    Experts that ever fewer tokens reach move their outputs a little less, which would hide a rate
    that grows with their number. Where both deviate in one direction, the larger counts. Updates
    that are as large as their gradient are those of a router, and the rate alone counts: how its
    effect grows depends on how alike the tokens of an expert are, for which there is no rule.

    Args:
        name: The tensor's name.
        measured: The deviation of its effect.
        measurements: Measurements at all sizes and seeds.
        expected: The expected exponents of the tensor.
    """
    move = move_deviation(name, measurements, expected)
    if move is not None and expected.geometry.sees_gradient_scale:
        return replace(measured, deviation=move.deviation)
    if move is None or measured.deviation * move.deviation < 0:
        return measured
    return max(
        measured, replace(measured, deviation=move.deviation), key=lambda d: abs(d.deviation)
    )


def without_fading_factor(
    name: str, measured: UseDeviation, measurements: Sequence[Measurement], expected: Expectation
) -> UseDeviation:
    """The deviation of a scalar, unless what it multiplies shrinks with the width.

    A temperature multiplies cosines or logits, which may shrink like width^-1/2 at init; its own
    update then tells whether its rate is right. Updates that are as large as their gradient shrink
    once more, so there the rate is judged in any case.

    Args:
        name: The tensor's name.
        measured: The deviation of its effect.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
    """
    move = move_deviation(name, measurements, expected)
    if move is None:
        return measured
    if expected.geometry.sees_gradient_scale:
        return move
    raw = measured.fit.value - measured.expected
    if min(raw, move.deviation) > 0:
        return replace(measured, deviation=min(raw, move.deviation))
    if measured.deviation >= 0:
        return measured
    return replace(measured, deviation=conservative([measured.deviation, move.deviation]))


def without_foreign_gradient(
    name: str, measured: UseDeviation, measurements: Sequence[Measurement], expected: Expectation
) -> UseDeviation:
    """The deviation of a vector, unless its gradient is what deviates and its own rate is right.

    The gradients of a contrastive loss nearly cancel in the sum over a batch while the logits are
    small, so the last bias of a tower moves less than its layer; and a wrong rate of a layer that
    starts at zero makes the gradients of all layers before it grow. Where updates are as large as
    their gradient, the rate is then what is judged.

    Args:
        name: The tensor's name.
        measured: The deviation of its effect.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
    """
    if not expected.geometry.sees_gradient_scale:
        return measured
    move = move_deviation(name, measurements, expected)
    if move is None:
        return measured
    return replace(measured, deviation=conservative([measured.deviation, move.deviation]))
