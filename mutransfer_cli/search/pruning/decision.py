"""Decides whether to prune a trial: the pruner's rule and a margin have to agree.

A trial is compared with references of its rung and seed that ran to their end on the same
batches, so that most of the batch noise cancels. The decision depends on these losses only: not
on timing, on interruptions, or on what trains at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from statistics import fmean, stdev
from typing import TypeAlias

from mutransfer_cli.catalog.pruners import PRUNERS
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.pruning.protocol import FEWEST_REFERENCES, pruning_rule
from mutransfer_cli.train.training_loop import CHECK_INTERVAL

CHECK_SHARES = (1 / 8, 1 / 4, 1 / 2)  # shares of the steps after which a trial is checked
AVERAGED_DIVISOR = 20  # a check averages the loss over 1/20 of the trial's steps
CLEAR_MARGIN = 4.0  # in standard errors of the mean difference

Curve: TypeAlias = Sequence[tuple[int, float]]  # step and loss


@dataclass(frozen=True, slots=True)
class Check:
    """One point at which a trial may be pruned.

    Attributes:
        step: Number of steps after which the check takes place.
        steps: Steps whose losses are compared.
        bar: Losses at `steps` of the worst reference that may be near the optimum.
    """

    step: int
    steps: tuple[int, ...]
    bar: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ReferencePruner:
    """Prunes one trial by references; kept small because it is sent to the trial's worker.

    Attributes:
        rule: Name of the pruner.
        checks: The points at which it decides.
        references: The losses of each reference at the checks, in any order.
    """

    rule: str
    checks: tuple[Check, ...]
    references: tuple[tuple[float, ...], ...]

    @property
    def steps(self) -> tuple[int, ...]:
        """Numbers of steps after which it has to be called."""
        return tuple(check.step for check in self.checks)

    def __call__(self, losses: Sequence[float]) -> str | None:
        """Why a trial with these losses (one per step so far) is pruned; None: it continues."""
        checks = [check for check in self.checks if check.step <= len(losses)]
        if not checks:
            return None
        last = checks[-1]
        compared = [float(losses[i]) for i in last.steps]
        if not clearly_worse(compared, last.bar):
            return None
        means = [fmean(float(losses[i]) for i in check.steps) for check in checks]
        if not pruning_rule(self.rule).is_hopeless(self.references, means):
            return None
        return (
            f"{self.rule}: loss {means[-1]:.4g} at step {last.step}, where none near the best "
            f"is above {fmean(last.bar):.4g}"
        )


@dataclass(frozen=True, slots=True)
class Pruning:
    """The pruning of a sweep.

    Attributes:
        rule: Name of the pruner.
        warmup: Share of the steps during which the learning rate rises.
    """

    rule: str
    warmup: float

    @property
    def is_on(self) -> bool:
        """Whether any trial may end early."""
        return PRUNERS.require(self.rule, ("search", "prune")).prunes

    def check_steps(self, size: Size) -> tuple[int, ...]:
        """Numbers of steps after which trials of a rung are checked.

        They are multiples of `CHECK_INTERVAL`, at which the loss is read anyway, and late enough
        that no step of the warmup is among the averaged losses.
        """
        ready = round(self.warmup * size.steps) + averaged_steps(size)
        steps = [
            ceil(share * size.steps / CHECK_INTERVAL) * CHECK_INTERVAL for share in CHECK_SHARES
        ]
        return tuple(dict.fromkeys(step for step in steps if ready <= step < size.steps))

    def reports(self, size: Size, curve: Curve) -> tuple[tuple[int, float], ...]:
        """The mean loss at each check that a trial reached, for Optuna's storage."""
        if not self.is_on:
            return ()
        last = curve[-1][0] if curve else -1
        averaged = {s: window(curve, s, size) for s in self.check_steps(size) if s <= last + 1}
        return tuple((s, fmean(v for _, v in points)) for s, points in averaged.items() if points)

    def pruner(
        self, size: Size, references: Sequence[Curve], near_best: Sequence[Curve]
    ) -> ReferencePruner | None:
        """The pruner of a trial; None while there are too few references.

        Args:
            size: The trial's rung.
            references: Curves of trials that ran to their end.
            near_best: Those of them that may be near the optimum.
        """
        checks, columns = [], []
        for step in self.check_steps(size):
            points = [window(curve, step, size) for curve in references]
            bars = [window(curve, step, size) for curve in near_best]
            steps = tuple(s for s, _ in points[0]) if points else ()
            if len(steps) < 2 or any(tuple(s for s, _ in p) != steps for p in (*points, *bars)):
                continue  # no curve of this size, or one that did not run to its end
            worst = max(bars, key=lambda p: fmean(loss for _, loss in p), default=None)
            if worst is None:
                return None
            checks.append(Check(step, steps, tuple(loss for _, loss in worst)))
            columns.append([fmean(loss for _, loss in p) for p in points])
        if not checks or len(references) < FEWEST_REFERENCES:
            return None
        rows = sorted(zip(*columns, strict=True))
        return ReferencePruner(self.rule, tuple(checks), tuple(rows))


def averaged_steps(size: Size) -> int:
    """How many steps a loss is averaged over."""
    return max(CHECK_INTERVAL, size.steps // AVERAGED_DIVISOR)


def window(curve: Curve, step: int, size: Size) -> list[tuple[int, float]]:
    """The recorded points of a curve that a check averages."""
    return [(s, loss) for s, loss in curve if step - averaged_steps(size) <= s < step]


def clearly_worse(losses: Sequence[float], bar: Sequence[float]) -> bool:
    """Whether the losses exceed the bar by more than batch noise; False if one is not finite."""
    differences = [a - b for a, b in zip(losses, bar, strict=True)]
    if not all(map(isfinite, differences)):
        return False
    margin: float = CLEAR_MARGIN * stdev(differences) / len(differences) ** 0.5
    return fmean(differences) > margin
