"""What a study is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.fit.decision.assumed_rules import AssumedRule, TransferRules
from mutransfer_cli.fit.decision.lowest_regret import Choice
from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer, size_names, source_rung
from mutransfer_cli.fit.decision.transfer import (
    TOLERANCE,
    TargetVerdict,
    TransferCost,
    Verdict,
)
from mutransfer_cli.fit.study.complete_rows import IgnoredRuns
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.recipe.schema.space import Space


@dataclass(frozen=True)
class Question:
    """What a study is asked.

    Attributes:
        confidence: Confidence level of all intervals, between 0 and 1.
        tolerance: Relative extra loss up to which a transfer holds.
        target: From the sizes of all rungs to those of the target; None where there is none.
        judge_target: Whether the verdict counts the cost at the target, whatever it is, beside
            that at the largest rung; else only one that is shown to exceed the tolerance.
        axis: The size along which only one line of rungs is used; None: all rungs.
        spaces: The spaces that were searched, by hyperparameter, where they are known.
        rules: The rules by which runs and target are scaled.
        untrained: The loss of the untrained model, if it is known.
    """

    confidence: float = CONFIDENCE
    tolerance: float = TOLERANCE
    target: Callable[[Sequence[Sizes]], Sizes | None] = lambda rungs: None
    judge_target: bool = True
    axis: str | None = None
    spaces: Mapping[str, Space] | None = None
    rules: TransferRules = field(default_factory=TransferRules)
    untrained: float | None = None


@dataclass(frozen=True)
class Answers:
    """What a study answers.

    Attributes:
        question: What it was asked.
        fitted: The response surface; None if no run finished.
        rungs: All rungs, from the cheapest trial to the most expensive.
        target: The target, if one was named.
        choice: The hyperparameters to use; None if no rung has an optimum.
        costs: What the optimum of the smallest judged rung costs where the verdict counts it: at
            the largest rung, and at the target.
        verdict: Whether it transfers at the tolerated cost.
        reason: Why, and what to run where that is not shown.
        drift_verdict: Whether the optimum of the learning rate stays where it is.
        assumed: Rules that the choice rests on and no rung tests.
        notes: Caveats.
        ignored: Runs that were not used.
        target_verdict: The verdict on the transfer to the target alone; None without a target, or
            at the largest rung.
    """

    question: Question
    fitted: StudySurface | None
    rungs: tuple[RungAnswer, ...]
    target: Sizes | None
    choice: Choice | None
    costs: tuple[TransferCost, ...]
    verdict: Verdict
    reason: str
    drift_verdict: Verdict
    assumed: tuple[AssumedRule, ...]
    notes: tuple[str, ...]
    ignored: tuple[IgnoredRuns, ...] = ()
    target_verdict: TargetVerdict | None = None

    @property
    def source(self) -> RungAnswer | None:
        """The largest rung that has an optimum inside its range."""
        return source_rung(self.rungs)

    @property
    def axes(self) -> tuple[str, ...]:
        """The sizes by which rungs differ."""
        return size_names(self.rungs)
