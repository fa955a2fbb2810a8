"""A rung whose norms leave those of the others."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.surface.rung_departures import departures_of

FEWEST_RUNGS = 4  # so that the others show a trend
FEWEST_SEEDS = 2
FAR = {"readout norm": 0.5}  # octaves from the trend of the others; see `OTHERS`
OTHERS = 1.0


def norm_outlier_note(run: Run) -> str | None:
    """Name the rung whose norms are furthest from the others' at their best settings.

    The readout's RMS→∞ norm at the optimum is constant over sizes (Filatov et al., arXiv
    2510.03871); other norms follow a power of the size. What is far from the trend of the other
    rungs was trained differently.

    Args:
        run: The run.

    Returns:
        None where no rung is far from the others, or there are too few rungs or seeds.
    """
    axis, rungs = best_trials(run)
    seeds = min((len(trials) for trials in rungs.values()), default=0)
    if len(rungs) < FEWEST_RUNGS or seeds < FEWEST_SEEDS:
        return None
    sizes = np.array(list(rungs))
    names = set.intersection(*(set(t.norms) for trials in rungs.values() for t in trials))
    worst: tuple[float, str] | None = None
    for name in sorted(names):
        values = np.array([[t.norms[name] for t in trials[:seeds]] for trials in rungs.values()])
        if not (values > 0).all():
            continue
        found = departures_of(np.log2(values), sizes, True, CONFIDENCE)
        for size, departure in zip(rungs, found, strict=True):
            limit = FAR.get(name, OTHERS)
            assert departure.low is not None and departure.high is not None
            if departure.low > limit or departure.high < -limit:
                text = (
                    f"{axis} {size:g} leaves the other rungs: its {name} is "
                    f"{2**departure.value:.2g} times what they say"
                )
                worst = max(worst or (0.0, ""), (abs(departure.value), text))
    return worst[1] if worst else None


def best_trials(run: Run) -> tuple[str, dict[float, list[Record]]]:
    """The size in which rungs differ, and the trials of the best setting at each, small to large.

    Trials without norms do not count. No trials where rungs differ in several sizes.

    Args:
        run: The run.
    """
    finished = [r for r in run.records if r.outcome == "finished" and r.norms]
    varying = [n for n in SIZES if len({getattr(r.size, n) for r in finished}) > 1]
    if len(varying) != 1:
        return "width", {}
    (axis,) = varying
    groups: dict[float, dict[tuple[tuple[str, float], ...], list[Record]]] = defaultdict(dict)
    for r in finished:
        setting = tuple(sorted(r.params.items()))
        groups[float(getattr(r.size, axis))].setdefault(setting, []).append(r)
    best = {}
    for value in sorted(groups):
        most = max(len(trials) for trials in groups[value].values())
        full = [trials for trials in groups[value].values() if len(trials) == most]
        best[value] = min(full, key=lambda ts: float(np.mean([t.loss for t in ts])))
    return axis, best
