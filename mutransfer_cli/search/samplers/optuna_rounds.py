"""Runs Optuna's samplers in rounds, separately on each rung; a round is one setting, all seeds.

A round is proposed only when the previous one has ended, so that the settings do not depend on
which worker was faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mutransfer_cli.catalog.samplers import STARTUP
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import SearchProblem, TrialCount
from mutransfer_cli.search.samplers.settings import Setting, mean_losses, setting_of

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution


class OptunaRounds:
    """Base class of Optuna's samplers; subclasses implement `optuna_sampler`."""

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem

    def optuna_sampler(self, seed: int, startup: int) -> optuna.samplers.BaseSampler:
        """Create one of Optuna's samplers.

        Args:
            seed: Seed of the sampler's own random numbers.
            startup: Settings to draw at random before a model is fitted.
        """
        raise NotImplementedError

    def tell_pruned(
        self, study: optuna.Study, trial: optuna.Trial, reports: Sequence[tuple[int, float]]
    ) -> None:
        """Report the losses of a pruned setting to Optuna.

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
        return self.problem.search.settings_per_rung(len(self.problem.rungs))

    def count_trials(self) -> TrialCount:
        """The budget, shared among rungs and seeds."""
        each = self.settings_per_rung * self.problem.search.seeds
        return TrialCount(each, each * len(self.problem.rungs))

    def propose(self, records: Sequence[Record]) -> list[Job]:
        """Trials of each rung's rounds: those that have ended and the open one."""
        return [
            job
            for size in self.problem.rungs
            for job in self.propose_on(size, [r for r in records if r.size == size])
        ]

    def propose_on(self, size: Size, records: Sequence[Record]) -> list[Job]:
        """Replay the sampler over the history of one rung, up to the open round.

        Optuna gets each setting's mean loss over the seeds; a divergent setting counts as failed.
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
    """Reports of the settings with a pruned seed and none that diverged or failed."""
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
