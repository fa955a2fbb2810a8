"""The loss curves of a run's trials, grouped by their hyperparameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve


@dataclass(frozen=True)
class Setting:
    """The curves of all runs with the same hyperparameters.

    Attributes:
        name: The hyperparameters, for people.
        curves: One per size and seed.
    """

    name: str
    curves: tuple[LossCurve, ...]

    @property
    def sizes(self) -> list[float]:
        """The sizes, small to large."""
        return sorted({c.size for c in self.curves if c.size is not None})


def settings_of_run(run: Run) -> list[Setting]:
    """The curves of the trials that finished, by hyperparameters.

    Args:
        run: The run.
    """
    finished = [r for r in run.records if r.outcome == "finished" and len(r.curve) > 1]
    only_width = len({(r.depth, r.batch, r.steps) for r in finished}) == 1
    groups: dict[tuple[tuple[str, float], ...], list[LossCurve]] = defaultdict(list)
    for r in finished:
        size = float(r.width) if only_width else r.flops
        groups[tuple(sorted(r.params.items()))].append(curve_of_record(r, size, only_width))
    return [
        Setting(", ".join(f"{n} = {v:.4g}" for n, v in key), tuple(curves))
        for key, curves in groups.items()
    ]


def curve_of_record(record: Record, size: float, only_width: bool) -> LossCurve:
    """The curve of a trial.

    Args:
        record: The trial.
        size: Its size.
        only_width: Whether sizes differ by width alone.
    """
    steps, losses = np.array(record.curve).T
    axes = record.size.as_dict()
    name = f"width {record.width}" if only_width else " ".join(f"{n} {v}" for n, v in axes.items())
    return LossCurve((steps + 0.5) / record.steps, losses, size, record.seed, name)


def best_setting(settings: Sequence[Setting]) -> Setting:
    """Of the settings with the most sizes and runs, that of lowest loss at the largest size.

    Args:
        settings: At least one.
    """

    def order(setting: Setting) -> tuple[int, int, float]:
        sizes = setting.sizes
        largest = [c.final for c in setting.curves if not sizes or c.size == sizes[-1]]
        return -len(sizes), -len(setting.curves), float(np.mean(largest))

    return min(settings, key=order)
