"""Leaves out runs that were pruned, or lack a size or a hyperparameter that others have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mutransfer_cli.fit.study.size_axes import SizeAxis, size_axes, sizes_of
from mutransfer_cli.surface.observation import Observation


@dataclass(frozen=True)
class IgnoredRuns:
    """Runs that are not part of a fit.

    Attributes:
        count: How many.
        reason: Why.
    """

    count: int
    reason: str


def complete_runs(
    observations: Sequence[Observation],
) -> tuple[list[Observation], tuple[SizeAxis, ...], list[IgnoredRuns]]:
    """The runs that can be compared, the axes along which they differ, and the others.

    Args:
        observations: All runs of a study.
    """
    ended = [o for o in observations if not o.pruned]
    pruned = len(observations) - len(ended)
    ignored = [IgnoredRuns(pruned, "pruned: the final loss is unknown")] if pruned else []
    axes = size_axes([sizes_of(o) for o in ended])
    sized, without_size = with_known_sizes(ended, axes)
    complete, without_name = with_same_names(sized)
    return complete, axes, [*ignored, *without_size, *without_name]


def with_known_sizes(
    observations: Sequence[Observation], axes: Sequence[SizeAxis]
) -> tuple[list[Observation], list[IgnoredRuns]]:
    """The runs whose sizes are known, and the others with the reason."""
    kept: list[Observation] = []
    lacking: Counter[str] = Counter()
    for o in observations:
        missing = [axis.name for axis in axes if not axis.known(sizes_of(o))]
        if missing:
            lacking[f"no {' and no '.join(missing)}"] += 1
        else:
            kept.append(o)
    return kept, [IgnoredRuns(count, reason) for reason, count in lacking.items()]


def with_same_names(
    observations: Sequence[Observation],
) -> tuple[list[Observation], list[IgnoredRuns]]:
    """The runs that have every hyperparameter, and the others with the reason."""
    names = {name for o in observations for name in o.params}
    kept: list[Observation] = []
    lacking: Counter[str] = Counter()
    for o in observations:
        missing = sorted(names - set(o.params))
        if missing:
            lacking[f"no {' and no '.join(missing)}"] += 1
        else:
            kept.append(o)
    return kept, [IgnoredRuns(count, reason) for reason, count in lacking.items()]
