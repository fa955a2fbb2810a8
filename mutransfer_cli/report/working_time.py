"""For how long a sweep has trained, the time in which nothing trained left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

TOGETHER = 1.0  # seconds; trials of one population are stored at once, after all of their seconds


def working_seconds(
    endings: Sequence[tuple[datetime, float]], started: datetime, now: datetime
) -> float:
    """Seconds from the start until now in which some trial was training.

    A trial trained during its seconds before it was stored, trials that were stored together one
    after another. Since the last one, trials may be training for as long as any before.

    Args:
        endings: When each trial was stored, and the seconds that it took its worker.
        started: When the sweep was first started.
        now: The time.
    """
    groups: list[list[float]] = []  # when the last was stored, seconds of all
    for ended, seconds in sorted(endings):
        end = (ended - started).total_seconds()
        if groups and end - groups[-1][0] <= TOGETHER:
            groups[-1] = [end, groups[-1][1] + seconds]
        else:
            groups.append([end, seconds])
    total = covered = 0.0
    for end, seconds in groups:
        total += max(0.0, end - max(covered, end - seconds))
        covered = max(covered, end)
    since = max(0.0, (now - started).total_seconds() - covered)
    return total + min(since, max((seconds for _, seconds in groups), default=0.0))
