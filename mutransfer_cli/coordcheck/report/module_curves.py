"""The classical coordinate check: activations and their changes by size, for the plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.slopes import fit_slope
from mutransfer_cli.documents.check import ModuleReport


def module_curves(measurements: Sequence[Measurement]) -> tuple[ModuleReport, ...]:
    """RMS of each module's output at init and of its change, for modules measured everywhere."""
    curves = []
    for name in measurements[0].activations:
        if not all(name in m.activations and name in m.changes for m in measurements):
            continue
        if not all(isfinite(m.changes[name]) for m in measurements):
            continue

        def init_of(m: Measurement, name: str = name) -> float:
            return m.activations[name]

        def change_of(m: Measurement, name: str = name) -> float:
            return m.changes[name]

        init, change = fit_slope(measurements, init_of), fit_slope(measurements, change_of)
        curves.append(
            ModuleReport(
                name=name or "(model)",
                init_slope=init.report(None) if init else None,
                change_slope=change.report(None) if change else None,
                init=means_by_size(measurements, init_of),
                change=means_by_size(measurements, change_of),
            )
        )
    return tuple(curves)


def means_by_size(
    measurements: Sequence[Measurement], value_of: Callable[[Measurement], float]
) -> dict[int, float]:
    """The mean over seeds at each size, in ascending order."""
    by_size: dict[int, list[float]] = {}
    for m in measurements:
        by_size.setdefault(m.size, []).append(value_of(m))
    return {size: sum(by_size[size]) / len(by_size[size]) for size in sorted(by_size)}
