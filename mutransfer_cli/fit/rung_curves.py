"""The loss of every rung against the learning rate, for plots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer
from mutransfer_cli.fit.study.size_axes import sizes_of
from mutransfer_cli.surface.curves.curve import Curve, curves_of
from mutransfer_cli.surface.observation import Observation


@dataclass(frozen=True)
class RungCurve:
    """One rung, as a curve of the mean loss over the seeds.

    Attributes:
        answer: What the runs show about the rung.
        curve: The losses, at one setting of the other hyperparameters; None if no run finished.
    """

    answer: RungAnswer
    curve: Curve | None


def rung_curves(
    observations: Sequence[Observation], answers: Sequence[RungAnswer]
) -> list[RungCurve]:
    """The curves of all rungs.

    Args:
        observations: All runs.
        answers: The rungs, in the order of the curves.
    """
    runs: dict[int, list[Observation]] = defaultdict(list)
    index = {tuple(answer.sizes.items()): i for i, answer in enumerate(answers)}
    for o in observations:
        i = index.get(tuple(sizes_of(o).items()))
        if i is not None:
            runs[i].append(o)
    curves = curves_of({i: runs[i] for i in sorted(runs)})
    return [RungCurve(answer, curves.get(i)) for i, answer in enumerate(answers)]
