"""Samplers, which choose the next trials."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry

STARTUP = 5  # settings that Optuna's samplers draw at random before they fit a model, at most


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
        grows_by: Keys of `search` that a finished search goes on with where they grow, next to the
            ladder and the target (`recipe.growth`).
        grows_where: The same in words.
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
    grows_by: tuple[str, ...] = ()
    grows_where: str = ""


_BY_RESULTS = (
    "the ladder or search.budget.trials are those of before and more, with as many settings on "
    f"every rung, at least {STARTUP}"
)

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
            grows_by=("space", "seeds", "extend", "budget"),
            grows_where="the ladder, search.seeds, search.extend or the values in search.space are "
            "those of before and more",
        ),
        SamplerEntry(
            name="sobol",
            summary="quasi-random points",
            implementation="mutransfer_cli.search.samplers.sobol:SobolSampler",
            needs_trials=True,
            grows_by=("seeds", "budget"),
            grows_where="the ladder, search.seeds or search.budget.trials are those of before and "
            "more, with as many settings on every rung",
        ),
        SamplerEntry(
            name="tpe",
            summary="Optuna's tree-structured Parzen estimator",
            implementation="mutransfer_cli.search.samplers.tpe:TPESampler",
            needs_trials=True,
            uses_results=True,
            grows_by=("budget",),
            grows_where=_BY_RESULTS,
        ),
        SamplerEntry(
            name="gp",
            summary="Optuna's Gaussian process",
            implementation="mutransfer_cli.search.samplers.gp:GPSampler",
            needs_trials=True,
            uses_results=True,
            grows_by=("budget",),
            grows_where=_BY_RESULTS,
        ),
        SamplerEntry(
            name="adaptive",
            summary="trials that narrow the optimum at the target the most per FLOP",
            implementation="mutransfer_cli.search.samplers.adaptive:AdaptiveSampler",
            needs_ranges=True,
            uses_results=True,
            starts_at_rate=True,
            has_small_rounds=True,
            grows_by=("precision", "budget"),
            grows_where="the ladder is that of before and more, or search.precision, search.budget "
            "or the target differ",
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
