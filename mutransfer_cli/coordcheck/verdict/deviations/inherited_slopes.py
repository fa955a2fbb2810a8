"""Slopes of what a tensor's effect contains beside its own rate: its input, and its gradient."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.coordcheck.measure.effects import Effect
from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.expected_exponents import (
    MEASURED_WITH_MULTIPLIER,
    Expectation,
)
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit, fit_slope


def gradient_slope(
    name: str, use: int, measurements: Sequence[Measurement], expected: Expectation
) -> SlopeFit | None:
    """Slope of the loss's gradient behind a tensor's module, and behind its multiplier.

    Args:
        name: The tensor's name.
        use: Index of the use.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
    """
    follows = expected.acts_as in MEASURED_WITH_MULTIPLIER

    def gradient(m: Measurement) -> float | None:
        value = effect_aspect(m, name, use, "gradient")
        multiplier = effect_aspect(m, name, use, "output_multiplier")
        return value / multiplier if follows and value and multiplier else value

    return fit_slope(measurements, gradient)


def effect_aspect(m: Measurement, name: str, use: int, aspect: str) -> float | None:
    """One aspect of the effect of a tensor's update; None if that use was not measured.

    Args:
        m: The measurement.
        name: The tensor's name.
        use: Index of the use.
        aspect: A field of `Effect`.
    """
    effects: Sequence[Effect] = m.effects.get(name, [])
    return getattr(effects[use], aspect) if use < len(effects) else None


def input_slope(
    name: str, use: int, measurements: Sequence[Measurement], expected: Expectation
) -> SlopeFit | None:
    """Slope of the size of the input that a tensor acts on, which should be 0.

    Args:
        name: The tensor's name.
        use: Index of the use.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
    """
    if expected.role == "tied":
        return None
    if expected.acts_as == "readout":
        return fit_slope(measurements, lambda m: m.upstream.get(name))
    reached = [m for m in measurements if m.effects.get(name)]
    if {m.size for m in reached} != {m.size for m in measurements}:
        return None
    return fit_slope(reached, lambda m: effect_aspect(m, name, use, "input"))
