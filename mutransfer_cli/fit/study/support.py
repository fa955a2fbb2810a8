"""Whether a ladder supports an interval for the optimum at a size that it does not reach."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.fit.study.size_axes import SAME, Sizes
from mutransfer_cli.fit.study.study_runs import StudyRuns

SHORTEST = 1.0  # octaves that a ladder has to span along an axis on which the target is beyond it


def octaves_beyond(study: StudyRuns, sizes: Sizes) -> dict[str, float]:
    """By axis, how many octaves a size lies beyond the rungs; 0 inside their range.

    Args:
        study: The runs.
        sizes: The size.
    """
    size, rungs = study.size(sizes), study.runs.rungs
    beyond = np.maximum(size - rungs.max(0), rungs.min(0) - size).clip(0)
    return {
        axis.name: float(octaves) if octaves > SAME else 0.0
        for axis, octaves in zip(study.axes, beyond, strict=True)
    }


def unsupported(study: StudyRuns, sizes: Sizes) -> str | None:
    """Why the runs give no interval for the optimum at a size; None if they do.

    Args:
        study: The runs.
        sizes: The size.
    """
    spans = np.ptp(study.runs.rungs, axis=0)
    reasons = []
    for (name, beyond), span in zip(octaves_beyond(study, sizes).items(), spans, strict=True):
        if not beyond:
            continue
        if span < SHORTEST - SAME:
            reasons.append(f"the rungs span {span:.2g} octaves of {name}, less than one")
        elif beyond > span + SAME:
            reasons.append(
                f"{name} is {beyond:.2g} octaves beyond the rungs, which span {span:.2g}"
            )
    return "; ".join(reasons) or None
