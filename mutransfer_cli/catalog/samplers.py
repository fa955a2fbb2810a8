"""Samplers: which trials to run next."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerEntry(Entry):
    """A row for a sampler."""


SAMPLERS = Registry(
    "samplers",
    SamplerEntry,
    [
        SamplerEntry(
            name="grid",
            summary="every point of a grid, which grows at an edge",
            implementation="mutransfer_cli.search.samplers.grid:GRID",
        ),
        SamplerEntry(
            name="sobol",
            summary="quasi-random points",
            implementation="mutransfer_cli.search.samplers.sobol:SOBOL",
        ),
        SamplerEntry(
            name="tpe",
            summary="Optuna's tree-structured Parzen estimator",
            implementation="mutransfer_cli.search.samplers.tpe:TPE",
        ),
        SamplerEntry(
            name="gp",
            summary="Optuna's Gaussian process",
            implementation="mutransfer_cli.search.samplers.gp:GP",
        ),
        SamplerEntry(
            name="adaptive",
            summary="learning rates near the optimum until its interval is narrow enough",
            implementation="mutransfer_cli.search.samplers.adaptive:ADAPTIVE",
        ),
        SamplerEntry(
            name="independent",
            summary="one hyperparameter after the other",
            implementation="mutransfer_cli.search.samplers.independent:INDEPENDENT",
        ),
    ],
)
