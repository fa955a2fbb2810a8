"""From slopes to a verdict for each tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mutransfer_cli.coordcheck.measure.width_training import Effect, Measurement
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import Fitted, fitted, smaller
from mutransfer_cli.documents.check import TensorVerdict

TOLERANCE = 0.25  # theory's exponents lie on a grid of halves
CERTAIN = 2.0  # standard errors
AHEAD = 16.0  # how many times the largest width epsilon is looked at
ONE_POWER = 0.75  # a constant epsilon has 1; queries and keys have 1/2 until values align
STEEPEST = 1.5
EPSILON = 0.2  # share of an update that epsilon may take there
ROUNDING = 1e-4  # float32 sums leave up to 1e-5, real updates at least 1e-2
MULTIPLIED = {"input", "readout", "tied"}  # whose multiplier may stand after their module
WORSE: tuple[TensorVerdict, ...] = ("pass", "warn", "inconclusive", "fail")


def decided(off: float, error: float) -> TensorVerdict:
    """A deviation against the tolerance and its standard error."""
    if abs(off) <= TOLERANCE:
        return "pass"
    return "fail" if abs(off) > CERTAIN * error else "inconclusive"


@dataclass(frozen=True, slots=True)
class Judged:
    """One tensor: its slopes, and how far each aspect is from what is expected."""

    name: str
    update: Fitted | None
    init: Fitted | None
    decay: Fitted | None
    off: float  # of the update's exponent
    off_error: float
    init_off: float
    decay_off: float
    moved: bool
    epsilon: Fitted | None = None
    epsilon_ratio: float = 0.0  # over the gradient, at the largest width

    @property
    def epsilon_share(self) -> float:
        """How much of an update epsilon takes away."""
        return self.epsilon_ratio / (1 + self.epsilon_ratio)

    @property
    def epsilon_ahead(self) -> float:
        """Epsilon's share of an update at 16 times the largest width, if it goes on so."""
        found = self.epsilon
        if found is None or found.value <= max(ONE_POWER, 0.5 + CERTAIN * found.error):
            return 0.0
        ahead: float = self.epsilon_ratio * AHEAD ** min(found.value, STEEPEST)
        return ahead / (1 + ahead)

    @property
    def aspects(self) -> dict[str, TensorVerdict]:
        """The verdict on each aspect that was measured."""
        found: dict[str, TensorVerdict] = {
            "update": decided(self.off, self.off_error) if self.moved else "fail"
        }
        if self.init is not None:
            found["init"] = decided(self.init_off, self.init.error)
        if self.decay is not None:
            found["weight decay"] = "warn" if abs(self.decay_off) > TOLERANCE else "pass"
        if self.epsilon is not None:
            found["epsilon"] = "fail" if self.epsilon_ahead > EPSILON else "pass"
        return found

    @property
    def verdict(self) -> TensorVerdict:
        """Of all aspects: the worst."""
        return max(self.aspects.values(), key=WORSE.index)


def judge(
    name: str,
    measurements: Sequence[Measurement],
    expected: Expectation,
    expected_gradient: float,
) -> Judged:
    """Judge one tensor; expected_gradient is the exponent of its output's gradient.

    The deviation is the smallest of: the raw effect, its aligned part, and both less what the
    module inherits, by a wrong size of its input or (for SGD) of its gradient.
    """
    uses = max((len(m.effects.get(name, ())) for m in measurements), default=0)
    moved = uses > 0 and all(m.effects.get(name) for m in measurements)
    update: Fitted | None = None
    off, off_error = 0.0, 0.0
    for use in range(uses if moved else 0):
        found = one_use(name, use, measurements, expected, expected_gradient)
        if found is not None and (update is None or abs(found[1]) > abs(off)):
            update, off = found
            off_error = update.error
    init = (
        fitted(measurements, lambda m: gain(m, name, expected))
        if expected.init is not None
        else None
    )
    init_off = 0.0
    if init is not None and expected.init is not None:
        init_off = init.value - expected.init
        x = inherited_input(name, 0, measurements, expected)
        init_off = smaller([init_off, init_off - x.value]) if x else init_off
    probed = [m for m in measurements if m.decays or m.epsilons]
    decay = fitted(probed, lambda m: m.decays.get(name))
    decay_off = decay.value - expected.decay if decay else 0.0
    epsilon = fitted(probed, lambda m: m.epsilons.get(name)) if expected.scale_free else None
    widest = max((m.width for m in probed), default=0)
    # the least of the seeds: an expert that hardly a token reached has next to no gradient
    ratio = min((m.epsilons.get(name, 0.0) for m in probed if m.width == widest), default=0.0)
    return Judged(
        name, update, init, decay, off, off_error, init_off, decay_off, moved, epsilon, ratio
    )


def gain(m: Measurement, name: str, expected: Expectation) -> float | None:
    found = m.gains.get(name)
    return found and found * (m.after[name] if expected.role in MULTIPLIED else 1.0)


def of(m: Measurement, name: str, use: int, aspect: str) -> float | None:
    found: list[Effect] = m.effects.get(name, [])
    return getattr(found[use], aspect) if use < len(found) else None


def idle(effect: Effect) -> bool:
    """Does the loss not depend on the tensor, such as on the bias of keys, but for rounding?"""
    return abs(effect.aligned) < ROUNDING * effect.raw


def inherited_input(
    name: str, use: int, measurements: Sequence[Measurement], expected: Expectation
) -> Fitted | None:
    """Slope of the size of what a tensor acts on, which should be 0."""
    if expected.role == "tied":
        return None
    if expected.role == "readout":
        return fitted(measurements, lambda m: m.upstream.get(name))
    return fitted(measurements, lambda m: of(m, name, use, "input"))


def one_use(
    name: str,
    use: int,
    measurements: Sequence[Measurement],
    expected: Expectation,
    expected_gradient: float,
) -> tuple[Fitted, float] | None:
    def sized(aspect: str) -> Fitted | None:
        """Slope of an aspect of the effect, with the multiplier that follows its module."""
        follows = expected.role in MULTIPLIED

        def at(m: Measurement) -> float | None:
            found, after = of(m, name, use, aspect), of(m, name, use, "after")
            return found * after if follows and found and after else found

        return fitted(measurements, at)

    raw = sized("raw")
    if raw is None:
        return None
    if all(idle(m.effects[name][use]) for m in measurements if use < len(m.effects[name])):
        return raw, 0.0
    aligned = sized("aligned")
    offs = [raw.value - expected.update]
    if aligned is not None:
        offs.append(aligned.value - expected.update)
    inherited = 0.0
    x = inherited_input(name, use, measurements, expected)
    if x is not None:
        inherited += x.value * (
            1 if expected.scale_free else 2
        )  # an SGD update holds the input itself
    if not expected.scale_free:
        g = fitted(measurements, lambda m: of(m, name, use, "gradient"))
        inherited += g.value - expected_gradient if g else 0.0
    offs.append(offs[0] - inherited)
    return raw, smaller(offs)


def changes(measurements: Sequence[Measurement], modules: Sequence[str]) -> float | None:
    """Mean slope of the change of these modules' outputs."""
    found = [fitted(measurements, lambda m, n=n: m.changes.get(n)) for n in modules]  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
    slopes = [f.value for f in found if f is not None]
    return sum(slopes) / len(slopes) if slopes else None


def expected_gradients(
    expected: Mapping[str, Expectation], parameterization: str
) -> dict[str, float]:
    """Exponent of the gradient of the loss with respect to each tensor's module's output."""
    inner = -1.0 if parameterization == "mup" else -0.5
    return {name: 0.0 if e.role in {"readout", "scalar"} else inner for name, e in expected.items()}
