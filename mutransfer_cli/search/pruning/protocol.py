"""The protocol of pruning rules, which decide from losses whether a trial is worth continuing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mutransfer_cli.catalog.pruners import PRUNERS

FEWEST_REFERENCES = 3  # below which nothing is pruned


class PruningRule(Protocol):
    """A pruner's rule, named by its row in `catalog/pruners.py`; it has no state."""

    def is_hopeless(self, references: Sequence[Sequence[float]], losses: Sequence[float]) -> bool:
        """Whether a trial should end.

        Args:
            references: Losses of trials that ran to their end, each at the steps at which trials
                are checked.
            losses: Losses of the trial in question, at the steps among these that it has reached.
        """
        ...


def pruning_rule(name: str) -> PruningRule:
    """The rule of the pruner with this name."""
    rule: PruningRule = PRUNERS.require(name, ("search", "prune")).load()
    return rule
