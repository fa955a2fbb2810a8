"""Optuna's pruners as rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class OptunaRule:
    """The decision of one of Optuna's pruners, to which the references are reported first."""

    def __init__(self, make_pruner: Callable[[], BasePruner]) -> None:
        """Wrap a pruner.

        Args:
            make_pruner: Creates Optuna's pruner; called on use, as importing Optuna takes a second.
        """
        self.make_pruner = make_pruner

    def is_hopeless(self, references: Sequence[Sequence[float]], losses: Sequence[float]) -> bool:
        """Whether Optuna's pruner ends the trial after the last of its losses.

        The k-th loss is reported at resource 2^k, so that each check is one rung of the halving.

        Args:
            references: Losses of trials that ran to their end, in any order.
            losses: Losses of the trial in question.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(pruner=self.make_pruner())
        should_prune = False
        for row in (*sorted(tuple(r) for r in references), tuple(losses)):
            trial = study.ask()
            for k, loss in enumerate(row):
                trial.report(loss, 2**k)
                should_prune = bool(trial.should_prune())
            study.tell(trial, row[-1])
        return should_prune
