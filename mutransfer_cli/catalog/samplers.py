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
        proposes_lines: It proposes whole lines of learning rates at once, which pruning splits
            into waves; the others go in rounds by themselves.
        has_small_rounds: Its rounds are much smaller than the search, so that a choice of engine
            pays off over all of them.
    """

    needs_trials: bool = False
    needs_lr_range: bool = False
    only_lr: bool = False
    starts_at_recipe: bool = False
    prunes_by_lr: bool = False
    uses_results: bool = False
    proposes_lines: bool = False
    has_small_rounds: bool = False


SAMPLERS = Registry(
    "samplers",
    SamplerEntry,
    [
        SamplerEntry(
            name="grid",
            summary="every point of a grid, which grows at an edge",
            implementation="mutransfer_cli.search.samplers.grid:GridSampler",
            prunes_by_lr=True,
            proposes_lines=True,
        ),
        SamplerEntry(
            name="sobol",
            summary="quasi-random points",
            implementation="mutransfer_cli.search.samplers.sobol:SobolSampler",
            needs_trials=True,
        ),
        SamplerEntry(
            name="tpe",
            summary="Optuna's tree-structured Parzen estimator",
            implementation="mutransfer_cli.search.samplers.tpe:TPESampler",
            needs_trials=True,
            uses_results=True,
        ),
        SamplerEntry(
            name="gp",
            summary="Optuna's Gaussian process",
            implementation="mutransfer_cli.search.samplers.gp:GPSampler",
            needs_trials=True,
            uses_results=True,
        ),
        SamplerEntry(
            name="adaptive",
            summary="learning rates near the optimum until its interval is narrow enough",
            implementation="mutransfer_cli.search.samplers.adaptive:AdaptiveSampler",
            needs_lr_range=True,
            only_lr=True,
            uses_results=True,
            has_small_rounds=True,
        ),
        SamplerEntry(
            name="independent",
            summary="one hyperparameter after the other",
            implementation="mutransfer_cli.search.samplers.independent:IndependentSampler",
            needs_lr_range=True,
            starts_at_recipe=True,
            uses_results=True,
            proposes_lines=True,
        ),
    ],
)
