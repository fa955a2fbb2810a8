"""Optuna's samplers: on each rung its own history, one setting a round, every seed of it.

A round is proposed only when the one before has ended, so that the settings do not depend on which
worker was faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.samplers.protocol import SearchProblem, TrialCount
from mutransfer_cli.search.samplers.settings import Setting, mean_losses, setting_of
from mutransfer_cli.search.storage.record import Record

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

STARTUP = 5  # settings drawn at random before a model is fitted, at most


class OptunaRounds:
    """The part that is the same for all of Optuna's samplers; `optuna_sampler` makes one."""

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem

    def optuna_sampler(self, seed: int, startup: int) -> optuna.samplers.BaseSampler:
        """A new sampler of Optuna's.

        Args:
            seed: Of the sampler's own random numbers.
            startup: Settings to draw before a model is fitted.
        """
        raise NotImplementedError

    def tell_pruned(
        self, study: optuna.Study, trial: optuna.Trial, reports: Sequence[tuple[int, float]]
    ) -> None:
        """Tell Optuna of a pruned setting as much as was seen of it.

        Args:
            study: A study in memory.
            trial: Optuna's trial of the setting.
            reports: Steps and losses at which pruning was decided.
        """
        from optuna.trial import TrialState

        for step, loss in reports:
            trial.report(loss, step)
        study.tell(trial, state=TrialState.PRUNED)

    @property
    def settings_per_rung(self) -> int:
        """How many settings the budget of trials allows on each rung."""
        trials = self.problem.search.budget.trials or 0
        return max(1, trials // (len(self.problem.rungs) * self.problem.search.seeds))

    def count_trials(self) -> TrialCount:
        """The budget, shared among rungs and seeds."""
        each = self.settings_per_rung * self.problem.search.seeds
        return TrialCount(each, each * len(self.problem.rungs))

    def propose(self, records: Sequence[Record]) -> list[Job]:
        """On each rung the rounds that have ended, and the one that is open."""
        return [
            job
            for size in self.problem.rungs
            for job in self.propose_on(size, [r for r in records if r.size == size])
        ]

    def propose_on(self, size: Size, records: Sequence[Record]) -> list[Job]:
        """Replay the sampler over the history of one rung, up to the round that is still open.

        Optuna is told each setting's mean over the seeds, and of a divergent setting that it
        failed.
        """
        import optuna
        from optuna.trial import TrialState

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        search, seeds, count = self.problem.search, self.problem.seeds, self.settings_per_rung
        sampler = self.optuna_sampler(size.width + seeds[0], min(STARTUP, count))
        study = optuna.create_study(sampler=sampler)
        losses, pruned = mean_losses(records), pruned_settings(records)
        jobs: list[Job] = []
        for _ in range(count):
            trial = study.ask({name: distribution(space) for name, space in search.space.items()})
            setting = tuple(
                (name, value_of(space, trial.params[name])) for name, space in search.space.items()
            )
            of_setting = [Job(size, seed, setting) for seed in seeds]
            jobs += of_setting
            if missing(of_setting, records):
                break
            key = tuple(sorted(setting))
            loss = losses[key]
            if loss is not None:
                study.tell(trial, loss)
            elif key in pruned:
                self.tell_pruned(study, trial, pruned[key])
            else:
                study.tell(trial, state=TrialState.FAIL)
        return jobs


def pruned_settings(records: Sequence[Record]) -> dict[Setting, tuple[tuple[int, float], ...]]:
    """Reports of the settings of which a seed was pruned and none was lost otherwise."""
    lost = {setting_of(r) for r in records if r.outcome in ("diverged", "failed")}
    reports = {setting_of(r): r.reports for r in records if r.outcome == "pruned"}
    return {setting: reported for setting, reported in reports.items() if setting not in lost}


def distribution(space: Space) -> BaseDistribution:
    """Optuna's distribution over the positions on a hyperparameter's scale."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if space.choice is not None:
        return CategoricalDistribution(space.choice)
    return FloatDistribution(*space.bounds)


def value_of(space: Space, position: float) -> float:
    """The hyperparameter at a position that Optuna drew."""
    return position if space.choice is not None else space.value(position)
