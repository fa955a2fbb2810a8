"""The verdict on one tensor: its slopes, and how far each is from what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mutransfer_cli.coordcheck.measure.effects import Effect
from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit, conservative, fit_slope
from mutransfer_cli.documents.check import AspectVerdict

EXPONENT_TOLERANCE = 0.25  # theory's exponents lie on a grid of halves
CERTAIN = 2.0  # standard errors of a deviation that counts as an error
EPSILON_HORIZON = 16.0  # epsilon is judged at so many times the largest width
CONSTANT_EPSILON = 0.75  # a constant epsilon has slope 1; queries and keys 1/2 until values align
STEEPEST_EPSILON = 1.5  # slope to extrapolate epsilon with at most
EPSILON_SHARE = 0.2  # share of an update that epsilon may take at that width
ROUNDING = 1e-4  # float32 sums leave up to 1e-5 of a cancelled effect, real updates at least 1e-2
# roles whose multiplier may be applied after their module
SCALED_OUTPUT_ROLES = frozenset({"input", "readout", "tied"})
SEVERITY: tuple[AspectVerdict, ...] = ("pass", "warn", "inconclusive", "fail")


def verdict_on(deviation: float, error: float) -> AspectVerdict:
    """A deviation of an exponent against the tolerance and its standard error."""
    if abs(deviation) <= EXPONENT_TOLERANCE:
        return "pass"
    return "fail" if abs(deviation) > CERTAIN * error else "inconclusive"


@dataclass(frozen=True, slots=True)
class TensorVerdict:
    """One tensor's slopes, and how far each aspect is from what is expected.

    Attributes:
        name: The tensor's name.
        update: Slope of the effect of its update, of the use that deviates most.
        init: Slope of its module's gain at init.
        decay: Slope of its decay per step.
        deviation: Of the update's exponent, the most conservative estimate.
        deviation_error: Standard error of the update's slope.
        init_deviation: Of the gain's exponent.
        decay_deviation: Of the decay's exponent.
        moved: Whether an effect of its update was measured with every width and seed.
        epsilon: Slope of epsilon over the gradient; None where updates follow the gradient.
        epsilon_ratio: Epsilon over the gradient at the largest width.
    """

    name: str
    update: SlopeFit | None
    init: SlopeFit | None
    decay: SlopeFit | None
    deviation: float
    deviation_error: float
    init_deviation: float
    decay_deviation: float
    moved: bool
    epsilon: SlopeFit | None = None
    epsilon_ratio: float = 0.0

    @property
    def epsilon_share(self) -> float:
        """The share of an update that epsilon takes away at the largest width."""
        return self.epsilon_ratio / (1 + self.epsilon_ratio)

    @property
    def epsilon_share_ahead(self) -> float:
        """Epsilon's share of an update at 16 times the largest width, if its slope persists."""
        fit = self.epsilon
        if fit is None or fit.value <= max(CONSTANT_EPSILON, 0.5 + CERTAIN * fit.error):
            return 0.0
        growth: float = EPSILON_HORIZON ** min(fit.value, STEEPEST_EPSILON)
        ratio = self.epsilon_ratio * growth
        return ratio / (1 + ratio)

    @property
    def aspects(self) -> dict[str, AspectVerdict]:
        """The verdict on each aspect that was measured."""
        verdicts: dict[str, AspectVerdict] = {
            "update": verdict_on(self.deviation, self.deviation_error) if self.moved else "fail"
        }
        if self.init is not None:
            verdicts["init"] = verdict_on(self.init_deviation, self.init.error)
        if self.decay is not None:
            decays_alike = abs(self.decay_deviation) <= EXPONENT_TOLERANCE
            verdicts["weight decay"] = "pass" if decays_alike else "warn"
        if self.epsilon is not None:
            verdicts["epsilon"] = "fail" if self.epsilon_share_ahead > EPSILON_SHARE else "pass"
        return verdicts

    @property
    def verdict(self) -> AspectVerdict:
        """The worst verdict of all aspects."""
        return max(self.aspects.values(), key=SEVERITY.index)


def judge(name: str, measurements: Sequence[Measurement], expected: Expectation) -> TensorVerdict:
    """Judge one tensor.

    The deviation of its update is the most conservative of: the raw effect, its aligned part, and
    the raw effect less what the module inherits by a wrong size of its input or, for optimizers
    that see the gradient's scale, of its gradient.

    Args:
        name: The tensor's name.
        measurements: At all widths and seeds.
        expected: The exponents that are right for it.
    """
    uses = max((len(m.effects.get(name, ())) for m in measurements), default=0)
    moved = uses > 0 and all(m.effects.get(name) for m in measurements)
    update: SlopeFit | None = None
    deviation, deviation_error = 0.0, 0.0
    for use in range(uses if moved else 0):
        judged = judge_use(name, use, measurements, expected)
        if judged is not None and (update is None or abs(judged[1]) > abs(deviation)):
            update, deviation = judged
            deviation_error = update.error
    init, init_deviation = judge_init(name, measurements, expected)
    probed = [m for m in measurements if m.decays or m.epsilons]
    decay = fit_slope(probed, lambda m: m.decays.get(name))
    epsilon: SlopeFit | None = None
    if not expected.geometry.sees_gradient_scale:
        epsilon = fit_slope(probed, lambda m: m.epsilons.get(name))
    widest = max((m.size for m in probed), default=0)
    # the least of the seeds: an expert that hardly a token reached has next to no gradient
    ratio = min((m.epsilons.get(name, 0.0) for m in probed if m.size == widest), default=0.0)
    return TensorVerdict(
        name=name,
        update=update,
        init=init,
        decay=decay,
        deviation=deviation,
        deviation_error=deviation_error,
        init_deviation=init_deviation,
        decay_deviation=decay.value - expected.decay if decay else 0.0,
        moved=moved,
        epsilon=epsilon,
        epsilon_ratio=ratio,
    )


def judge_init(
    name: str, measurements: Sequence[Measurement], expected: Expectation
) -> tuple[SlopeFit | None, float]:
    """Slope and deviation of the gain of a tensor's module; None and 0 where it is not judged."""
    if expected.init is None:
        return None, 0.0
    follows = expected.role in SCALED_OUTPUT_ROLES

    def gain(m: Measurement) -> float | None:
        value = m.gains.get(name)
        return value and value * (m.output_multipliers[name] if follows else 1.0)

    fit = fit_slope(measurements, gain)
    if fit is None:
        return None, 0.0
    deviation = fit.value - expected.init
    inherited = input_slope(name, 0, measurements, expected)
    if inherited is not None:
        deviation = conservative([deviation, deviation - inherited.value])
    return fit, deviation


def judge_use(
    name: str, use: int, measurements: Sequence[Measurement], expected: Expectation
) -> tuple[SlopeFit, float] | None:
    """Slope and deviation of the effect of a tensor's update in one module that uses it.

    Args:
        name: The tensor's name.
        use: Index of the use.
        measurements: At all widths and seeds.
        expected: The exponents that are right for the tensor.
    """

    def slope_of(aspect: str) -> SlopeFit | None:
        """Slope of an aspect of the effect, with the multiplier that follows its module."""
        follows = expected.role in SCALED_OUTPUT_ROLES

        def value_of(m: Measurement) -> float | None:
            value = effect_aspect(m, name, use, aspect)
            multiplier = effect_aspect(m, name, use, "output_multiplier")
            return value * multiplier if follows and value and multiplier else value

        return fit_slope(measurements, value_of)

    raw = slope_of("raw")
    if raw is None:
        return None
    effects = (m.effects[name][use] for m in measurements if use < len(m.effects[name]))
    if all(is_idle(effect) for effect in effects):
        return raw, 0.0
    aligned = slope_of("aligned")
    deviations = [raw.value - expected.update]
    if aligned is not None:
        deviations.append(aligned.value - expected.update)
    inherited = 0.0
    x = input_slope(name, use, measurements, expected)
    sees_gradient_scale = expected.geometry.sees_gradient_scale
    if x is not None:  # a gradient contains the input once more
        inherited += x.value * (2 if sees_gradient_scale else 1)
    if sees_gradient_scale:
        gradient = fit_slope(measurements, lambda m: effect_aspect(m, name, use, "gradient"))
        inherited += gradient.value - expected.gradient if gradient else 0.0
    deviations.append(deviations[0] - inherited)
    return raw, conservative(deviations)


def effect_aspect(m: Measurement, name: str, use: int, aspect: str) -> float | None:
    """A number of the effect of a tensor's update; None where that use was not measured.

    Args:
        m: The measurement.
        name: The tensor's name.
        use: Index of the use.
        aspect: A field of `Effect`.
    """
    effects: Sequence[Effect] = m.effects.get(name, [])
    return getattr(effects[use], aspect) if use < len(effects) else None


def is_idle(effect: Effect) -> bool:
    """Whether the loss, but for rounding, does not depend on the tensor, as on a bias of keys."""
    return abs(effect.aligned) < ROUNDING * effect.raw


def input_slope(
    name: str, use: int, measurements: Sequence[Measurement], expected: Expectation
) -> SlopeFit | None:
    """Slope of the size of what a tensor acts on, which should be 0.

    Args:
        name: The tensor's name.
        use: Index of the use.
        measurements: At all widths and seeds.
        expected: The exponents that are right for the tensor.
    """
    if expected.role == "tied":
        return None
    if expected.role == "readout":
        return fit_slope(measurements, lambda m: m.upstream.get(name))
    return fit_slope(measurements, lambda m: effect_aspect(m, name, use, "input"))
