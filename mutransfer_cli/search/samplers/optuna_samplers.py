"""Optuna's samplers: on each rung its own history, one setting a round, every seed of it.

A round is asked only when the one before has ended, so that the settings do not depend on which
worker was faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.samplers.grid import Setting, means, setting_of
from mutransfer_cli.search.storage.record import Record

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def points_per_rung(search: Search, rungs: Sequence[Size]) -> int:
    """How many settings the budget of trials allows on each rung."""
    trials = search.budget.trials or 0
    return max(1, trials // (len(rungs) * search.seeds))


def propose(
    search: Search, size: Size, points: int, seeds: Sequence[int], records: Sequence[Record]
) -> list[Job]:
    """Replay the sampler over the history of a rung, up to the round that is still open.

    Sobol's sequence never looks at the losses; TPE and the Gaussian process are told each setting's
    mean over the seeds, of a divergent setting that it failed, and of a pruned one as much as was
    seen of it.
    """
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = size.width + seeds[0]
    sampler: optuna.samplers.BaseSampler
    if search.sampler == "sobol":
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.QMCSampler(
                qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False
            )
    elif search.sampler == "gp":
        sampler = optuna.samplers.GPSampler(
            seed=seed, deterministic_objective=False, n_startup_trials=min(5, points)
        )
    else:
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(5, points))
    study = optuna.create_study(sampler=sampler)
    known = means(records)
    pruned = pruned_settings(records)
    jobs: list[Job] = []
    for _ in range(points):
        distributions = {name: distribution(space) for name, space in search.space.items()}
        trial = study.ask(distributions)
        setting = tuple(
            (name, value_of(space, trial.params[name])) for name, space in search.space.items()
        )
        round_ = [Job(size, s, setting) for s in seeds]
        jobs += round_
        if missing(round_, records):
            break
        key = tuple(sorted(setting))
        loss = known[key]
        if loss is not None:
            study.tell(trial, loss)
        elif key not in pruned:
            study.tell(trial, state=TrialState.FAIL)
        elif search.sampler == "gp":  # it learns from values alone: no better than the worst
            study.tell(trial, max(t.value for t in study.trials if t.value is not None))
        else:
            for step, reported in pruned[key]:
                trial.report(reported, step)
            study.tell(trial, state=TrialState.PRUNED)
    return jobs


def pruned_settings(records: Sequence[Record]) -> dict[Setting, tuple[tuple[int, float], ...]]:
    """What was reported of settings of which a seed was pruned and none was lost otherwise."""
    lost = {setting_of(r) for r in records if r.outcome in ("diverged", "failed")}
    found = {setting_of(r): r.reports for r in records if r.outcome == "pruned"}
    return {setting: reports for setting, reports in found.items() if setting not in lost}


def distribution(space: Space) -> BaseDistribution:
    """Optuna's distribution over the positions on a hyperparameter's scale."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if space.choice is not None:
        return CategoricalDistribution(space.choice)
    return FloatDistribution(*space.bounds)


def value_of(space: Space, position: float) -> float:
    return position if space.choice is not None else space.value(position)
