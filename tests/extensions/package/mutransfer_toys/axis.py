"""The rule of an axis: hidden matrices that are applied r times as often learn at 1/r the rate."""

from __future__ import annotations

from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.parameterization.rules.axis_rules import AxisFactors


def follow_repeats(role: str, geometry: Geometry, ratio: float) -> AxisFactors:
    if role != "hidden":
        return AxisFactors()
    return AxisFactors(lr=1 / ratio, why=f"applied {ratio:g} times as often: rate × {1 / ratio:g}")
