"""The response surface of a ladder at a target, with what the ladder supports there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.fit.decision.assumed_rules import AssumedRule
from mutransfer_cli.fit.decision.lowest_regret import Choice, choose
from mutransfer_cli.fit.decision.obstacles import unresolved_optimum
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.target.support import Extent, extents
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
)


@dataclass(frozen=True)
class TargetSurface:
    """The surface of a ladder at a target.

    Attributes:
        surface: The surface.
        target: The sizes of the target.
        decision: The choice there, which `fit` and `scale` make as well.
        extents: How far the target is beyond the ladder along each axis.
        notes: Rules that the choice rests on and no run tests.
        assumed: These rules.
        unanswered: Why no optimum can be named there, and what to run: no rung has that of a
            hyperparameter inside its range, or the largest rung has none. `fit` judges no transfer
            there either.
    """

    surface: StudySurface
    target: Sizes
    decision: Choice
    extents: tuple[Extent, ...]
    notes: tuple[str, ...] = ()
    assumed: tuple[AssumedRule, ...] = ()
    unanswered: str | None = None

    @property
    def unresolved(self) -> frozenset[str]:
        """Hyperparameters whose optimum no rung resolves."""
        if self.decision.unsupported is not None:
            return frozenset()
        names = self.surface.names
        return frozenset(
            name
            for name, chosen in self.decision.values.items()
            if chosen.at_end or (name in names and chosen.value.low is None)
        )

    @property
    def fault(self) -> str | None:
        """Why an optimum has no interval; None where all have one."""
        if self.decision.unsupported is not None or not self.unresolved:
            return self.decision.unsupported
        ends = [
            f"the best {name} is at the {chosen.at_end} end of the values that were run; run "
            f"{chosen.at_end}er ones"
            for name, chosen in self.decision.values.items()
            if chosen.at_end
        ]
        return "; ".join([f"no rung resolves that of {', '.join(sorted(self.unresolved))}", *ends])

    @property
    def distance(self) -> float:
        """Octaves beyond the largest rung, along the axis where it is most."""
        return max((extent.beyond for extent in self.extents), default=0.0)

    @property
    def choice(self) -> dict[str, float]:
        """The setting of lowest expected regret."""
        return self.decision.hyperparameters

    def optimum(self) -> dict[str, Interval]:
        """The choice of every hyperparameter, with the interval of its optimum if supported."""
        return {name: chosen.value for name, chosen in self.decision.values.items()}

    def with_surface(self, surface: ResponseSurface) -> TargetSurface:
        """The same target with another surface over the same runs."""
        fitted = replace(self.surface, surface=surface)
        at_end = {name: c.at_end for name, c in self.decision.values.items() if c.at_end}
        decision = choose(fitted, self.target, unresolved=self.unresolved, at_end=at_end)
        return replace(self, surface=fitted, decision=decision)


def surface_at(runs: LadderRuns, target: Sizes, confidence: float) -> TargetSurface:
    """The surface of a ladder at a target.

    Args:
        runs: The ladder.
        target: The sizes of the target.
        confidence: Confidence level of all intervals, between 0 and 1.

    Raises:
        Inconclusive: No rung has an optimum inside its range.
    """
    question = Question(
        confidence=confidence,
        target=lambda rungs: target,
        spaces=runs.spaces,
        rules=runs.rules,
        untrained=runs.untrained,
    )
    answers = answer(runs.observations, question)
    if answers.fitted is None or answers.choice is None:
        raise Inconclusive(f"{runs.source}: {answers.reason}")
    study = answers.fitted.study
    reach = tuple(extents(study.rungs, study.axes, target))
    notes = answers.notes if answers.choice.unsupported is None else answers.notes[1:]
    return TargetSurface(
        answers.fitted,
        target,
        answers.choice,
        reach,
        notes,
        answers.assumed,
        unresolved_optimum(answers.rungs),
    )


def outside_notes(at_target: TargetSurface) -> list[str]:
    """A note for each hyperparameter whose choice is outside the values that were tried."""
    study, notes = at_target.surface.study, []
    finished = study.runs.settings[~study.runs.diverged]
    choice = at_target.choice
    for j, c in enumerate(study.hyperparameters.coordinates):
        low, high = float(finished[:, j].min()), float(finished[:, j].max())
        if not low <= c.position(choice[c.name]) <= high:
            notes.append(
                f"{c.name} {choice[c.name]:.4g} is outside the values at which runs finished, "
                f"{c.value(low):.4g} to {c.value(high):.4g}"
            )
    return notes
