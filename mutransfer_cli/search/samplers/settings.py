"""Settings of the hyperparameters, and their losses over the seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import TypeAlias

from mutransfer_cli.search.record import Record

Setting: TypeAlias = tuple[tuple[str, float], ...]  # name and value of every hyperparameter


def setting_of(record: Record) -> Setting:
    """A record's setting, with the names in alphabetical order."""
    return tuple(sorted(record.params.items()))


def mean_losses(records: Sequence[Record]) -> dict[Setting, float | None]:
    """Mean loss of each setting over its seeds; None where any seed did not finish."""
    losses: dict[Setting, list[float | None]] = defaultdict(list)
    for record in records:
        losses[setting_of(record)].append(record.loss)
    return {setting: mean_if_complete(values) for setting, values in losses.items()}


def mean_if_complete(losses: Sequence[float | None]) -> float | None:
    """The mean of the losses; None if one is missing."""
    finished = [loss for loss in losses if loss is not None]
    return fmean(finished) if len(finished) == len(losses) else None
