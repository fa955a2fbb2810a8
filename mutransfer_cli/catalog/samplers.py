"""Samplers: which trials to run next."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerEntry(Entry):
    """A row for a sampler.

    Attributes:
        needs_trials: It draws as many settings as `search.budget.trials` says, which has to be
            given.
        needs_lr_range: It starts from a range of lr in `search.space`.
        only_lr: It searches the learning rate and nothing else, on a logarithmic scale.
        starts_at_recipe: It starts at the recipe's own value of every hyperparameter.
        prunes_by_lr: Trials are pruned for their distance from the best learning rate, so that
            pruning needs lr in `search.space`.
        uses_results: It chooses settings by the losses of those before.
    """

    needs_trials: bool = False
    needs_lr_range: bool = False
    only_lr: bool = False
    starts_at_recipe: bool = False
    prunes_by_lr: bool = False
    uses_results: bool = False


SAMPLERS = Registry(
    "samplers",
    SamplerEntry,
    [
        SamplerEntry(
            name="grid",
            summary="every point of a grid, which grows at an edge",
            implementation="mutransfer_cli.search.samplers.grid:GRID",
            prunes_by_lr=True,
        ),
        SamplerEntry(
            name="sobol",
            summary="quasi-random points",
            implementation="mutransfer_cli.search.samplers.sobol:SOBOL",
            needs_trials=True,
        ),
        SamplerEntry(
            name="tpe",
            summary="Optuna's tree-structured Parzen estimator",
            implementation="mutransfer_cli.search.samplers.tpe:TPE",
            needs_trials=True,
            uses_results=True,
        ),
        SamplerEntry(
            name="gp",
            summary="Optuna's Gaussian process",
            implementation="mutransfer_cli.search.samplers.gp:GP",
            needs_trials=True,
            uses_results=True,
        ),
        SamplerEntry(
            name="adaptive",
            summary="learning rates near the optimum until its interval is narrow enough",
            implementation="mutransfer_cli.search.samplers.adaptive:ADAPTIVE",
            needs_lr_range=True,
            only_lr=True,
            uses_results=True,
        ),
        SamplerEntry(
            name="independent",
            summary="one hyperparameter after the other",
            implementation="mutransfer_cli.search.samplers.independent:INDEPENDENT",
            needs_lr_range=True,
            starts_at_recipe=True,
            uses_results=True,
        ),
    ],
)
