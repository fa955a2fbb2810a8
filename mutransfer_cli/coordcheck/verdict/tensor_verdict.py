"""The verdict on one tensor, from the deviations of its slopes from the expected ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.coverage import IDLE, Coverage, Problem, coverage_of
from mutransfer_cli.coordcheck.verdict.deviations.exponent_deviation import (
    UseDeviation,
    init_deviation,
    move_deviation,
    update_deviation,
    with_own_size,
    without_fading_factor,
    without_foreign_gradient,
)
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE, SlopeFit, fit_slope
from mutransfer_cli.documents.check import AspectVerdict

SIGNIFICANT = 2.0  # standard errors beyond which a deviation counts as an error
EPSILON_HORIZON = 16.0  # epsilon is judged at this multiple of the largest width
CONSTANT_EPSILON = 0.75  # slope; 1 if epsilon is constant, 1/2 for queries and keys at first
STEEPEST_EPSILON = 1.5  # steepest slope for extrapolating epsilon
EPSILON_SHARE = 0.2  # largest share of an update that epsilon may take at that width
SEVERITY: tuple[AspectVerdict, ...] = ("not judged", "pass", "warn", "inconclusive", "fail")
UNMEASURED_INIT = "no product with random inputs shows how large it is"
NORMED = "its layer divides it by its norm; the gain beside it is judged instead"


def verdict_on(deviation: float, error: float) -> AspectVerdict:
    """Judge the deviation of an exponent by the tolerance and its standard error."""
    if abs(deviation) <= EXPONENT_TOLERANCE:
        return "pass"
    return "fail" if abs(deviation) > SIGNIFICANT * error else "inconclusive"


@dataclass(frozen=True, slots=True)
class TensorVerdict:
    """The slopes of one tensor and their deviations from the expected ones.

    Attributes:
        name: The tensor's name.
        update: Slope of the effect of its update, for the use that deviates most.
        init: Slope of its module's gain at init.
        decay: Slope of its decay per step.
        deviation: Most conservative estimate of the deviation of the update's exponent.
        deviation_error: Standard error of the update's slope.
        init_deviation: Deviation of the gain's exponent.
        decay_deviation: Deviation of the decay's exponent.
        moved: Whether an effect of its update was measured with every width and seed.
        epsilon: Slope of epsilon over the gradient; None if updates follow the gradient.
        epsilon_ratio: Epsilon divided by the gradient at the largest width.
        expected_update: Expected exponent of the update, for that use.
        problem: Why the update cannot be judged by its effect on a module's output; None if it can.
        not_judged: The reason for each aspect that is not judged.
        unscaled_logits: For a tied tensor, its use as the readout if its update is too large there
            and right as the embedding's; else None.
        repaired_deviation: Deviation of the update's exponent once wrong inits are repaired; None:
            there are none.
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
    problem: Problem | None = None
    not_judged: Mapping[str, str] = field(default_factory=dict)
    repaired_deviation: float | None = None
    unscaled_logits: UseDeviation | None = None

    @property
    def epsilon_share(self) -> float:
        """The share of an update that epsilon takes away at the largest width."""
        return self.epsilon_ratio / (1 + self.epsilon_ratio)

    @property
    def epsilon_share_ahead(self) -> float:
        """Epsilon's share of an update at 16 times the largest width, if its slope persists."""
        fit = self.epsilon
        if fit is None or fit.value <= max(CONSTANT_EPSILON, 0.5 + SIGNIFICANT * fit.error):
            return 0.0
        growth: float = EPSILON_HORIZON ** min(fit.value, STEEPEST_EPSILON)
        ratio = self.epsilon_ratio * growth
        return ratio / (1 + ratio)

    @property
    def aspects(self) -> dict[str, AspectVerdict]:
        """The verdict on each aspect that was measured."""
        verdicts: dict[str, AspectVerdict] = {}
        if not self.moved:
            verdicts["update"] = "fail"
        elif self.problem == "sparse" or (self.problem == "outside" and self.update is None):
            verdicts["update"] = "inconclusive"
        elif "update" not in self.not_judged:
            verdicts["update"] = verdict_on(self.deviation, self.deviation_error)
        if self.init is not None:
            verdicts["init"] = verdict_on(self.init_deviation, self.init.error)
        if self.decay is not None:
            decays_alike = abs(self.decay_deviation) <= EXPONENT_TOLERANCE
            verdicts["weight decay"] = "pass" if decays_alike else "warn"
        if self.epsilon is not None and "epsilon" not in self.not_judged:
            verdicts["epsilon"] = "fail" if self.epsilon_share_ahead > EPSILON_SHARE else "pass"
        return verdicts

    @property
    def verdict(self) -> AspectVerdict:
        """The worst verdict of all aspects."""
        return max(self.aspects.values(), key=SEVERITY.index, default="not judged")


def judge(name: str, measurements: Sequence[Measurement], expected: Expectation) -> TensorVerdict:
    """Judge one tensor.

    The deviation of its update is the most conservative of three estimates: from the raw effect,
    from its aligned part, and from the raw effect corrected for a wrong size of the module's input
    or, for optimizers that see the gradient's scale, of its gradient.

    Args:
        name: The tensor's name.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
    """
    covered = coverage_of(name, measurements)
    not_judged = {} if covered.problem in {None, "not-trained"} else {"update": covered.reason}
    uses = use_deviations(name, covered, measurements, expected)
    worst = max(uses, key=lambda use: abs(use.deviation), default=None)
    if covered.problem == "idle" or (worst is not None and worst.idle):
        not_judged |= {"update": IDLE, "epsilon": IDLE}
    elif worst is not None:
        not_judged.pop("update", None)
    init, deviation_at_init = init_deviation(name, measurements, expected)
    if init is None:
        not_judged["init"] = NORMED if expected.normed else UNMEASURED_INIT
    probed = [m for m in measurements if m.decays or m.epsilons]
    decay = fit_slope(probed, lambda m: m.decays.get(name))
    epsilon: SlopeFit | None = None
    if not expected.geometry.sees_gradient_scale:
        epsilon = fit_slope(probed, lambda m: m.epsilons.get(name))
    widest = max((m.size for m in probed), default=0)
    # the minimum over seeds: an expert that few tokens reached has almost no gradient
    ratio = min((m.epsilons.get(name, 0.0) for m in probed if m.size == widest), default=0.0)
    return TensorVerdict(
        name=name,
        update=worst.fit if worst else None,
        init=init,
        decay=decay,
        deviation=worst.deviation if worst else 0.0,
        deviation_error=worst.error if worst else 0.0,
        init_deviation=deviation_at_init,
        decay_deviation=decay.value - expected.decay if decay else 0.0,
        moved=covered.problem != "not-trained",
        epsilon=epsilon,
        epsilon_ratio=ratio,
        expected_update=worst.expected if worst else expected.update,
        problem=covered.problem,
        not_judged=not_judged,
        unscaled_logits=use_of_unscaled_logits(uses),
    )


def use_deviations(
    name: str, covered: Coverage, measurements: Sequence[Measurement], expected: Expectation
) -> list[UseDeviation]:
    """The deviation of a tensor's update in each of its uses that can be judged.

    Args:
        name: The tensor's name.
        covered: What is known of its updates.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
    """
    if covered.problem == "outside" and expected.role in {"scalar", "vector"}:
        moved = move_deviation(name, measurements, expected)
        return [moved] if moved else []
    if covered.problem is not None:
        return []
    uses = []
    is_factor = expected.role == "scalar" and not expected.layer_role
    for use in range(max(len(m.effects[name]) for m in covered.measurements)):
        current = update_deviation(name, use, covered.measurements, expected)
        if current is not None and is_factor:
            current = without_fading_factor(name, current, covered.measurements, expected)
        elif current is not None and expected.role == "vector" and not expected.layer_role:
            current = without_foreign_gradient(name, current, covered.measurements, expected)
        elif current is not None and expected.sparse:
            current = with_own_size(name, current, covered.measurements, expected)
        if current is not None:
            uses.append(current)
    return uses


def use_of_unscaled_logits(uses: Sequence[UseDeviation]) -> UseDeviation | None:
    """The use of a tied tensor as the readout that lacks its multiplier; None if none does.

    Both uses have the same learning rate, so it is right if the update of the embedding is; what
    the logits then lack is their multiplier (Tensor Programs V, arXiv 2203.03466, Table 8).

    Args:
        uses: The deviations of the tensor's update.
    """
    lookups = [use.deviation for use in uses if use.is_lookup]
    products = [use for use in uses if not use.is_lookup]
    if not lookups or any(abs(d) > EXPONENT_TOLERANCE for d in lookups):
        return None
    too_large = [use for use in products if use.deviation > EXPONENT_TOLERANCE]
    return too_large[0] if too_large else None
