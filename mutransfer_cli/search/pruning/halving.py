"""Successive halving (Jamieson and Talwalkar 2016, in Optuna's asynchronous form)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutransfer_cli.search.pruning.optuna_rule import OptunaRule

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


def _pruner() -> BasePruner:
    from optuna.pruners import SuccessiveHalvingPruner

    return SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)


HALVING = OptunaRule(_pruner)
