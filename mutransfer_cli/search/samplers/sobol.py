"""Scrambled Sobol sequences, which do not depend on the losses."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from mutransfer_cli.search.samplers.optuna_rounds import OptunaRounds

if TYPE_CHECKING:
    import optuna


class SobolSampler(OptunaRounds):
    """Draws quasi-random settings."""

    def optuna_sampler(self, seed: int, startup: int) -> optuna.samplers.BaseSampler:
        """Optuna's quasi-Monte Carlo sampler; it has no startup.

        Args:
            seed: Seed of the scrambling.
            startup: Not used.
        """
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.QMCSampler(
                qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False
            )
