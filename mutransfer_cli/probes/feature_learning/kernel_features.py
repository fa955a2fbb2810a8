"""Movement of the tangent kernel, its alignment, and the feature ansatz, beside `features`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from mutransfer_cli.documents.probe import Measure, Series
from mutransfer_cli.probes.estimates.seed_intervals import banded, geometric_interval, mean_interval
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.feature_learning.output_gradients import EXAMPLES, FEWEST
from mutransfer_cli.probes.feature_learning.trained_features import INIT, TRAINED, TrainedFeatures

KERNEL_METHOD = (
    f"Tangent kernel of {EXAMPLES} of these examples and a random projection of the outputs: its "
    "relative change is width^0 where features are learned and width^-1 in the regime of the "
    "kernel (arXiv 1909.11304); alignment yᵀΘy/(|Θ||y|²) of the centred kernel (arXiv 1203.0550), "
    "y being minus the loss's gradient by the outputs at init; neural feature ansatz: cosine of "
    "WᵀW with the average outer product of gradients by a linear layer's input (arXiv 2212.13881)"
)
MOVED = "tangent kernel"
UNMEASURED = (
    f"no tangent kernel: fewer than {FEWEST} examples fit, or the outputs have no row for each one"
)
Runs = Mapping[int, Sequence[TrainedFeatures]]


def kernel_measures(runs: Runs, confidence: float) -> list[Measure]:
    """Measures over widths, and at the largest one; none where nothing could be measured.

    Args:
        runs: The runs of every width, small to large.
        confidence: Of the intervals.
    """
    moved = [(float(w), r.kernel) for w, found in runs.items() for r in found if r.kernel]
    measures = []
    if len({w for w, _ in moved}) == len(runs) > 2:
        slope = width_slope(moved, confidence)
        at: dict[str, int | float | str] = {"movement": MOVED}
        measures.append(Measure(name="exponent of the width", at=at, estimate=slope, expected=0.0))
    width, largest = list(runs.items())[-1]
    kernels = [r.kernel for r in largest if r.kernel is not None]
    if kernels:
        movement = geometric_interval(kernels, confidence)
        name = "relative change of the tangent kernel"
        measures.append(Measure(name=name, at={"width": width}, estimate=movement))
    for name, value in (
        ("alignment of the kernel with the target", _alignment),
        ("cosine of WᵀW with gradients, median layer", _median_ansatz),
    ):
        measures += _at_both_ends(name, largest, value, width, confidence)
    return measures


def ansatz_measures(runs: Runs, confidence: float) -> list[Measure]:
    """The feature ansatz of every layer after training, at the largest width.

    Args:
        runs: The runs of every width, small to large.
        confidence: Of the intervals.
    """
    width, largest = list(runs.items())[-1]
    measures = []
    for layer in largest[0].ansatz.get(TRAINED, {}):
        values = [r.ansatz[TRAINED][layer] for r in largest if layer in r.ansatz.get(TRAINED, {})]
        at: dict[str, int | float | str] = {"layer": layer, "when": TRAINED, "width": width}
        estimate = mean_interval(values, confidence)
        measures.append(Measure(name="cosine of WᵀW with gradients", at=at, estimate=estimate))
    return measures


def kernel_series(runs: Runs, confidence: float) -> list[Series]:
    """The movement and the alignment of the kernel over widths.

    Args:
        runs: The runs of every width, small to large.
        confidence: Of the intervals.
    """
    curves: list[tuple[str, str, str, Callable[[TrainedFeatures], float | None]]] = [
        (MOVED, "movement of the tangent kernel", "relative change", lambda r: r.kernel)
    ]
    for when in (INIT, TRAINED):
        for name, of in (
            ("kernel and target", _alignment),
            ("WᵀW and gradients", _median_ansatz),
        ):
            curves.append((f"{name}, {when}", "alignment", "cosine", partial(of, when=when)))
    series = []
    for name, panel, y_name, value in curves:
        points = []
        for width, found in runs.items():
            values = [v for v in map(value, found) if v is not None]
            if values:
                mean = geometric_interval if name == MOVED else mean_interval
                points.append((float(width), mean(values, confidence)))
        if points:
            x, y = zip(*points, strict=True)
            curve = Series(name=name, panel=panel, x_name="width", y_name=y_name, x=x, y=())
            series.append(banded(curve, y))
    return series


def _alignment(run: TrainedFeatures, when: str) -> float | None:
    return run.alignment.get(when)


def _median_ansatz(run: TrainedFeatures, when: str) -> float | None:
    values = list(run.ansatz.get(when, {}).values())
    return float(np.median(values)) if values else None


def _at_both_ends(
    name: str,
    runs: Sequence[TrainedFeatures],
    value: Callable[[TrainedFeatures, str], float | None],
    width: int,
    confidence: float,
) -> list[Measure]:
    """The mean over runs at init and after training, where it is known."""
    measures = []
    for when in (INIT, TRAINED):
        values = [v for v in (value(run, when) for run in runs) if v is not None]
        if values:
            estimate = mean_interval(values, confidence)
            measures.append(
                Measure(name=name, at={"when": when, "width": width}, estimate=estimate)
            )
    return measures
