"""Optuna's pruners as rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class OptunaRule:
    """The decision of one of Optuna's pruners, which is told of the references first."""

    def __init__(self, make: Callable[[], BasePruner]) -> None:
        """Make a rule.

        Args:
            make: Makes Optuna's pruner, on first use: importing Optuna takes a second.
        """
        self.make = make

    def is_hopeless(self, references: Sequence[Sequence[float]], losses: Sequence[float]) -> bool:
        """Optuna's answer to the last of the losses.

        The k-th loss is reported at resource 2^k, so that each check is one rung of the halving.

        Args:
            references: Losses of trials that ran to their end, in any order.
            losses: Of the trial in question.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(pruner=self.make())
        should_prune = False
        for row in (*sorted(tuple(r) for r in references), tuple(losses)):
            trial = study.ask()
            for k, loss in enumerate(row):
                trial.report(loss, 2**k)
                should_prune = bool(trial.should_prune())
            study.tell(trial, row[-1])
        return should_prune
