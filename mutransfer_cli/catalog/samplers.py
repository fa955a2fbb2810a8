"""Samplers, which choose the next trials."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerEntry(Entry):
    """A row for a sampler.

    Attributes:
        needs_trials: Whether it needs `search.budget.trials`, the number of trials in all.
        needs_lr_range: Whether it needs a range of lr in `search.space` to start from.
        needs_ranges: Whether it searches ranges only, no lists of choices.
        starts_at_recipe: Whether it starts at the recipe's own value of every hyperparameter.
        prunes_by_lr: Whether trials are pruned for their distance from the best learning rate, so
            that pruning needs lr in `search.space`.
        uses_results: Whether it chooses settings by the losses of earlier ones.
        proposes_lines: Whether it proposes complete lines of learning rates at once, which pruning
            splits into waves; other samplers propose round by round anyway.
        starts_at_rate: Whether it can start about one learning rate (`search.start: probe`).
        has_small_rounds: Whether its rounds are much smaller than the search, so that the cost of
            choosing an engine pays off only over all rounds.
    """

    needs_trials: bool = False
    needs_lr_range: bool = False
    needs_ranges: bool = False
    starts_at_recipe: bool = False
    prunes_by_lr: bool = False
    uses_results: bool = False
    proposes_lines: bool = False
    starts_at_rate: bool = False
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
            starts_at_rate=True,
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
            summary="trials that narrow the optimum at the target the most per FLOP",
            implementation="mutransfer_cli.search.samplers.adaptive:AdaptiveSampler",
            needs_ranges=True,
            uses_results=True,
            starts_at_rate=True,
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
