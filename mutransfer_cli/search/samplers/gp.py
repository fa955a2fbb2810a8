"""Optuna's Gaussian-process sampler, which needs torch and scipy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mutransfer_cli.search.samplers.optuna_rounds import OptunaRounds

if TYPE_CHECKING:
    import optuna


class GPSampler(OptunaRounds):
    """Expected improvement under a Gaussian process."""

    def optuna_sampler(self, seed: int, startup: int) -> optuna.samplers.BaseSampler:
        """Optuna's sampler, for losses with noise.

        Args:
            seed: Seed of its random numbers.
            startup: Settings drawn at random first.
        """
        import optuna

        return optuna.samplers.GPSampler(
            seed=seed, deterministic_objective=False, n_startup_trials=startup
        )

    def tell_pruned(
        self, study: optuna.Study, trial: optuna.Trial, reports: Sequence[tuple[int, float]]
    ) -> None:
        """Tell Optuna the worst loss so far, as this sampler learns from final values only.

        Args:
            study: A study in memory.
            trial: Optuna's trial of the setting.
            reports: Not used.
        """
        study.tell(trial, max(t.value for t in study.trials if t.value is not None))
