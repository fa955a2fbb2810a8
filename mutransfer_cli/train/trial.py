"""A trial: a proxy trained with one setting and one seed."""

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
    """A proxy to be trained with one setting and one seed.

    Attributes:
        factory: Builds the proxy, and knows how it is trained.
        size: The proxy's size along the axes.
        seed: Seed of the initialization and of the order of the data.
        plan: The proxy's plan, with the trial's hyperparameters.
        pruner: Decides whether the trial continues; None: it runs to its end.
        label: Identifies it among the trials of its recipe, in checkpoints of populations.
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
            factory: Builds the recipe's proxies.
            size: The proxy's size along the axes.
            seed: Seed of the initialization and of the order of the data.
            hyperparameters: Values that replace those of the recipe.
            pruner: Decides whether the trial continues.
            label: Identifies it among the trials of its recipe.

        Raises:
            InputError: There is no valid plan; the message names the tensor or the key.
        """
        own = factory.with_hyperparameters(hyperparameters or {})
        return cls(own, size, seed, own.plan(size), pruner, label)

    @property
    def schedule(self) -> Schedule:
        """The schedule of its learning rate."""
        return Schedule(*self.factory.training.schedule)

    @property
    def start(self) -> Hashable:
        """Identifies its initial tensors: trials of one size with equal values start equal."""
        return self.seed, tuple((t.init, t.init_std) for t in self.plan.tensors)
