"""The runs along one axis alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study.complete_rows import IgnoredRuns
from mutransfer_cli.fit.study.size_axes import size_axes, sizes_of
from mutransfer_cli.surface.observation import Observation


def along_axis(
    observations: Sequence[Observation], name: str
) -> tuple[list[Observation], list[IgnoredRuns]]:
    """The runs of the rungs on one line along an axis, and those left out.

    The line is the one with the most rungs; of several, the first.

    Args:
        observations: All runs.
        name: The size that grows along the axis.

    Raises:
        InputError: The runs do not differ in it.
    """
    axes = size_axes([sizes_of(o) for o in observations])
    if name not in [axis.name for axis in axes]:
        found = ", ".join(axis.name for axis in axes)
        raise InputError(f"--axis {name}: the runs do not differ in it; they do in {found}")
    own = next(axis for axis in axes if axis.name == name)
    others = [axis for axis in axes if axis.name != name]
    known = [o for o in observations if all(axis.known(sizes_of(o)) for axis in axes)]
    position = {id(o): tuple(round(a.position(sizes_of(o)), 1) for a in others) for o in known}
    rungs = {(position[id(o)], round(own.position(sizes_of(o)), 2)) for o in known}
    most, _ = Counter(line for line, _ in sorted(rungs)).most_common(1)[0]
    kept = [o for o in known if position[id(o)] == most]
    left = len(observations) - len(kept)
    reasons = [IgnoredRuns(left, f"not on the line along {name}")] if left else []
    return kept, reasons
