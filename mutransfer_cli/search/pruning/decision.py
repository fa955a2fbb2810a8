"""Whether a trial is hopeless: Optuna's pruner and a margin have to agree.

A trial is compared with references of its rung and seed that ran to their end, on the very same
batches, so that most of the noise of a batch is in both. The decision depends on their losses
alone: not on who was faster, on an interruption, or on what trains at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.trial import CHECK_INTERVAL

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

SHARES = (1 / 8, 1 / 4, 1 / 2)  # of the steps: where a trial is judged
AVERAGED = 20  # a loss is the mean of the last twentieth of the steps
FEWEST = 3  # references, below which nothing is judged
CLEAR = 4.0  # standard errors of the mean difference

Curve = Sequence[tuple[int, float]]  # (step, loss)


def steps_of(recipe: Recipe, size: Size) -> tuple[int, ...]:
    """After how many steps a trial is judged: where its loss is looked at anyway.

    Not before the warmup has ended for all the losses that are averaged.
    """
    ready = round(recipe.schedule.warmup * size.steps) + averaged(size)
    at = [ceil(share * size.steps / CHECK_INTERVAL) * CHECK_INTERVAL for share in SHARES]
    return tuple(dict.fromkeys(step for step in at if ready <= step < size.steps))


def averaged(size: Size) -> int:
    """How many steps a loss is averaged over."""
    return max(CHECK_INTERVAL, size.steps // AVERAGED)


def inside(curve: Curve, step: int, size: Size) -> list[tuple[int, float]]:
    """The kept points of the last steps before one."""
    return [(s, loss) for s, loss in curve if step - averaged(size) <= s < step]


def reports(recipe: Recipe, size: Size, curve: Curve) -> tuple[tuple[int, float], ...]:
    """The loss at each step of judgement that a trial reached, for Optuna."""
    last = curve[-1][0] if curve else -1
    found = {s: inside(curve, s, size) for s in steps_of(recipe, size) if s <= last + 1}
    return tuple((s, fmean(loss for _, loss in points)) for s, points in found.items() if points)


@dataclass(frozen=True, slots=True)
class Look:
    """One judgement."""

    step: int
    at: tuple[int, ...]  # the steps whose losses are compared
    bar: tuple[float, ...]  # there, of the worst reference that may be near the optimum


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The judge of a trial; small, and sent to whoever trains it.

    references: the losses of each at the looks, in any order.
    """

    pruner: str  # halving | median
    looks: tuple[Look, ...]
    references: tuple[tuple[float, ...], ...]

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(look.step for look in self.looks)

    def __call__(self, losses: Sequence[float]) -> str | None:
        """Why a trial with these losses ends here."""
        looks = [look for look in self.looks if look.step <= len(losses)]
        if not looks:
            return None
        last = looks[-1]
        there = [float(losses[i]) for i in last.at]
        if not clearly_worse(there, last.bar):
            return None
        own = [fmean(float(losses[i]) for i in look.at) for look in looks]
        if not hopeless(self.pruner, self.references, own):
            return None
        return (
            f"{self.pruner}: loss {own[-1]:.4g} at step {last.step}, where none near the best "
            f"is above {fmean(last.bar):.4g}"
        )


def judge_of(
    recipe: Recipe, size: Size, curves: Sequence[Curve], near: Sequence[Curve]
) -> Verdicts | None:
    """By curves of trials that ran whole; near: those of them that may be near the optimum.

    None where too few are known.
    """
    looks, columns = [], []
    for step in steps_of(recipe, size):
        points = [inside(curve, step, size) for curve in curves]
        bars = [inside(curve, step, size) for curve in near]
        at = tuple(s for s, _ in points[0]) if points else ()
        if len(at) < 2 or any(tuple(s for s, _ in p) != at for p in (*points, *bars)):
            continue  # no curve of this size, or not one that ran whole
        worst = max(bars, key=lambda p: fmean(loss for _, loss in p), default=None)
        if worst is None:
            return None
        looks.append(Look(step, at, tuple(loss for _, loss in worst)))
        columns.append([fmean(loss for _, loss in p) for p in points])
    if not looks or len(curves) < FEWEST:
        return None
    rows = sorted(zip(*columns, strict=True))
    return Verdicts(recipe.search.prune, tuple(looks), tuple(rows))


def clearly_worse(losses: Sequence[float], bar: Sequence[float]) -> bool:
    """By more than the noise of their batches; False where a loss is not a number."""
    apart = [a - b for a, b in zip(losses, bar, strict=True)]
    return all(map(isfinite, apart)) and fmean(apart) > CLEAR * stdev(apart) / len(apart) ** 0.5


def hopeless(pruner: str, references: Sequence[Sequence[float]], own: Sequence[float]) -> bool:
    """Optuna's answer to the last of a trial's own losses, after it was told the references'.

    The k-th loss is reported at resource 2^k, so that each is one rung of the halving.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(pruner=pruner_of(pruner))
    answer = False
    for losses in (*sorted(tuple(r) for r in references), tuple(own)):
        trial = study.ask()
        for k, loss in enumerate(losses):
            trial.report(loss, 2**k)
            answer = bool(trial.should_prune())
        study.tell(trial, losses[-1])
    return answer


def pruner_of(name: str) -> BasePruner:
    """Optuna's pruner of a recipe's word."""
    import optuna

    if name == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    return optuna.pruners.MedianPruner(n_startup_trials=FEWEST)
