"""Optuna's tree-structured Parzen estimator (Bergstra et al. 2011)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutransfer_cli.search.samplers.optuna_rounds import OptunaRounds

if TYPE_CHECKING:
    import optuna


class TPESampler(OptunaRounds):
    """Proposes settings where good ones are denser than bad ones."""

    def optuna_sampler(self, seed: int, startup: int) -> optuna.samplers.BaseSampler:
        """Optuna's sampler.

        Args:
            seed: Seed of its random numbers.
            startup: Settings drawn at random first.
        """
        import optuna

        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
