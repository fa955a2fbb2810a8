"""The training curves of the best setting of every rung."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.fit.decision.wording import size_text
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.report.page.panels import Panel, Series
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.run import Run

POINTS = 200  # of one curve on the page


def training_panel(run: Run, axes: tuple[str, ...], key: str) -> Panel:
    """Training loss against the step, of the best setting of every rung, each seed a curve.

    Args:
        run: The run.
        axes: Sizes by which its rungs differ.
        key: Begins the key of the panel.
    """
    rungs: dict[Size, dict[object, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in run.records:
        if record.loss is not None and record.curve:
            rungs[record.size][tuple(sorted(record.params.items()))].append(record)
    series: list[Series] = []
    for color, (_, settings) in enumerate(
        sorted(rungs.items(), key=lambda item: sizes_of(item[0]))
    ):
        best = min(settings.values(), key=mean_loss)
        sizes = {name: float(getattr(best[0], name)) for name in axes or ("width",)}
        for i, record in enumerate(sorted(best, key=lambda r: r.seed)):
            steps, losses = thinned(record)
            name = size_text(sizes, sizes)
            series.append(Series(name, steps, losses, "line", color, in_legend=i == 0))
    return Panel(
        f"{key}-training",
        "Training loss of the best setting of every rung",
        "One curve for each seed, the mean of neighboring steps where there are many.",
        "step",
        "training loss",
        tuple(series),
    )


def sizes_of(size: Size) -> tuple[float, ...]:
    """All sizes of a rung, to sort rungs by."""
    return tuple(float(getattr(size, name)) for name in SIZES)


def mean_loss(records: list[Record]) -> float:
    """Mean final loss of the trials of one setting."""
    return float(np.mean([r.loss for r in records if r.loss is not None]))


def thinned(record: Record) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Steps and losses of a trial, neighbors averaged to at most `POINTS` points."""
    curve = np.array(record.curve, float).T
    curve = curve[:, np.isfinite(curve).all(axis=0)]
    parts = np.array_split(curve, min(POINTS, max(curve.shape[1], 1)), axis=1)
    means = [part.mean(axis=1) for part in parts if part.size]
    return tuple(float(m[0]) for m in means), tuple(float(m[1]) for m in means)
