"""The verdict on one tensor: its slopes, and how far each is from what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.exponent_deviation import (
    UseDeviation,
    init_deviation,
    update_deviation,
)
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit, fit_slope
from mutransfer_cli.documents.check import AspectVerdict

EXPONENT_TOLERANCE = 0.25  # theory's exponents lie on a grid of halves
CERTAIN = 2.0  # standard errors of a deviation that counts as an error
EPSILON_HORIZON = 16.0  # epsilon is judged at this multiple of the largest width
CONSTANT_EPSILON = 0.75  # a constant epsilon has slope 1; queries and keys 1/2 until values align
STEEPEST_EPSILON = 1.5  # slope to extrapolate epsilon with at most
EPSILON_SHARE = 0.2  # share of an update that epsilon may take at that width
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
        expected_update: The exponent that is right for the update, of that use.
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
    expected_update: float = 0.0

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
    worst: UseDeviation | None = None
    for use in range(uses if moved else 0):
        found = update_deviation(name, use, measurements, expected)
        if found is not None and (worst is None or abs(found.deviation) > abs(worst.deviation)):
            worst = found
    init, off_at_init = init_deviation(name, measurements, expected)
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
        update=worst.fit if worst else None,
        init=init,
        decay=decay,
        deviation=worst.deviation if worst else 0.0,
        deviation_error=worst.fit.error if worst else 0.0,
        init_deviation=off_at_init,
        decay_deviation=decay.value - expected.decay if decay else 0.0,
        moved=moved,
        epsilon=epsilon,
        epsilon_ratio=ratio,
        expected_update=worst.expected if worst else expected.update,
    )
