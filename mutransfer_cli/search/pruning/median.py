"""Prunes a trial that is worse than the median of the references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutransfer_cli.search.pruning.optuna_rule import OptunaRule
from mutransfer_cli.search.pruning.protocol import FEWEST_REFERENCES

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


def _pruner() -> BasePruner:
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=FEWEST_REFERENCES)


MEDIAN = OptunaRule(_pruner)
