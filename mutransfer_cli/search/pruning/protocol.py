"""What decides by losses whether a trial is worth its further steps."""

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
            losses: Of the trial in question, at as many of these steps as it has reached.
        """
        ...


def pruning_rule(name: str) -> PruningRule:
    """The rule of a pruner."""
    rule: PruningRule = PRUNERS.require(name, ("search", "prune")).load()
    return rule
