"""Predictions of a law of the loss from few runs.

Where runs are too few to measure how far a law errs beyond its sizes, as `extrapolation.py` does,
its form cannot be taken for certain, nor the errors of its runs for independent. Predictions then
come from sums of powers that are averaged over both (`averaged_powers.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array, LawOptions
from mutransfer_cli.surface.laws.loss.averaged_powers import AveragedPowers, Parameters
from mutransfer_cli.surface.laws.loss.shared_scatter import Scatter
from mutransfer_cli.surface.laws.loss.tempered_sampling import tempered_draws

EXPONENT_MEDIAN = 0.35  # published laws over params and tokens: .28 to .37, and .54 over data
# of the variance, for equal params and for equal tokens; models never differ in size alone
SHARED = ((0.2, 0.1), (0.5, 0.1), (0.8, 0.1))
DRAWS_LOG2 = 11


@dataclass(frozen=True)
class FewSizes:
    """Averaged sums of powers, fitted to the runs of a table.

    Attributes:
        powers: The model, and the losses.
        parameters: Draws from its posterior.
        center: Octaves of the largest sizes, shape (axes,).
    """

    powers: AveragedPowers
    parameters: Parameters
    center: Array

    def draws(self, log_sizes: Array, seed: int) -> Array:
        """Draws of the loss of a new run at each size, shape (draws, rows).

        Args:
            log_sizes: Natural logarithms, shape (rows, axes).
            seed: Seed of the draws.
        """
        octaves = log_sizes / np.log(2) - self.center
        return self.powers.new_levels(self.parameters, octaves, seed)

    def errors(self, options: LawOptions) -> Array:
        """Draws of the errors of the log losses about the law, shape (resamples, rows).

        Args:
            options: Number of draws and their seed.
        """
        rng = np.random.default_rng(options.seed)
        chosen = rng.integers(len(self.parameters.scatter), size=options.resamples)
        normal = rng.standard_normal((options.resamples, len(self.powers.levels)))
        errors = np.zeros_like(normal)
        for index, kind in enumerate(self.powers.kinds):
            own = self.parameters.kinds[chosen] == index
            errors[own] = kind.errors(self.parameters.scatter[chosen[own]], normal[own])
        return np.asarray(errors / self.powers.levels)


def fit_few_sizes(log_sizes: Array, loss: Array, options: LawOptions) -> FewSizes:
    """Fit averaged sums of powers.

    Args:
        log_sizes: Natural logarithms of the sizes, shape (rows, axes).
        loss: Shape (rows,).
        options: Seed, and E where it is fixed.
    """
    octaves = log_sizes / np.log(2)
    center, axes = octaves.max(axis=0), octaves.shape[1]
    sizes, exact = octaves - center, np.zeros((len(loss), len(loss)))
    shared = SHARED if axes == 2 else ((),)
    powers = AveragedPowers(
        levels=loss,
        sizes=sizes,
        medians=np.full(axes, EXPONENT_MEDIAN),
        kinds=tuple(Scatter.of(exact, sizes, own) for own in shared),
        fixed_floor=options.floor,
        rising=0.0,  # a tuned loss falls with the size, the tokens and the compute
    )
    normal = tempered_draws(powers.log_likelihood, powers.size, DRAWS_LOG2, options.seed)
    return FewSizes(powers, powers.parameters(normal), center)
