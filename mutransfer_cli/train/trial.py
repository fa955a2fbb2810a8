"""One trial: a proxy trained at one setting with one seed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.pruner import Pruner
from mutransfer_cli.train.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Trial:
    """What is trained.

    Attributes:
        factory: Builds the proxy, and says how it is trained.
        size: The proxy's size along the axes.
        seed: Of the initialisation and of the order of the data.
        plan: The proxy's plan, with the trial's hyperparameters.
        pruner: Decides whether the trial goes on; None: it runs to its end.
        label: Tells it from the other trials of its recipe, in the checkpoint of a population.
    """

    factory: ProxyFactory
    size: Size
    seed: int
    plan: Plan
    pruner: Pruner | None = None
    label: str = ""

    @classmethod
    def of(
        cls,
        factory: ProxyFactory,
        size: Size,
        seed: int = 0,
        hyperparameters: Mapping[str, float] | None = None,
        pruner: Pruner | None = None,
        label: str = "",
    ) -> Trial:
        """Plan a trial.

        Args:
            factory: Of the recipe.
            size: The proxy's size along the axes.
            seed: Of the initialisation and of the order of the data.
            hyperparameters: Replace those of the recipe.
            pruner: Decides whether the trial goes on.
            label: Tells it from the other trials of its recipe.

        Raises:
            InputError: There is no sound plan; the message names tensor or key.
        """
        own = factory.with_hyperparameters(hyperparameters or {})
        return cls(own, size, seed, own.plan(size), pruner, label)

    @property
    def schedule(self) -> Schedule:
        """Its learning rate over the run."""
        return Schedule(*self.factory.training.schedule)

    @property
    def start(self) -> Hashable:
        """What its tensors before training depend on, at this size."""
        return self.seed, tuple((t.init, t.init_std) for t in self.plan.tensors)
