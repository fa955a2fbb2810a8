"""The loss curves of a run whose rungs differ in their batch."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.surface.loss_curves.batch_hyperbola import StepCurve


def curves_by_batch(run: Run) -> dict[float, list[StepCurve]]:
    """Steps and training losses of the best setting at every batch, one curve for each seed.

    Of models of several sizes, those of the smallest that has the most batches count.

    Args:
        run: The run.
    """
    models: dict[tuple[int, int], dict[int, list[Record]]] = defaultdict(dict)
    for r in run.records:
        if r.outcome == "finished" and len(r.curve) > 1:
            models[(r.width, r.depth)].setdefault(r.batch, []).append(r)
    if not models:
        return {}
    of_model = models[min(models, key=lambda size: (-len(models[size]), size))]
    return {float(batch): _best(records) for batch, records in of_model.items()}


def _best(records: list[Record]) -> list[StepCurve]:
    """The curves of the setting whose mean loss is lowest, of those with the most seeds."""
    settings: dict[tuple[int, tuple[tuple[str, float], ...]], list[Record]] = defaultdict(list)
    for r in records:
        settings[(r.steps, tuple(sorted(r.params.items())))].append(r)
    most = max(map(len, settings.values()))
    full = [group for group in settings.values() if len(group) == most]
    best = min(full, key=lambda group: float(np.mean([r.loss for r in group])))
    return [
        (np.array([step + 1.0 for step, _ in r.curve]), np.array([loss for _, loss in r.curve]))
        for r in best
    ]
