"""Schedule-free AdamW (Defazio et al., arXiv 2405.15682), from the package schedulefree.

Gradients are taken at an interpolation between the fast weights and their average; the average is
the result of training. `eval()` puts it into the parameters, and `train()` puts the interpolation
back. Entries of the fast weights' update are of size 1, as Adam's (derived).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.packages import class_of
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon and betas; beta1 is the weight of the average in the interpolation."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas}


@cache
def torch_class() -> type[Optimizer] | None:
    """Return the package's class, ready to train; None where it is not installed."""
    own: Any = class_of("schedulefree", "AdamWScheduleFree")
    if own is None:
        return None

    class AdamWScheduleFree(own):  # type: ignore[misc]  # a class that is known when it runs
        """The package's class, which refuses to step before `train()` was called."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.train()

    AdamWScheduleFree.__qualname__, AdamWScheduleFree.__module__ = own.__name__, own.__module__
    return AdamWScheduleFree


SCHEDULEFREE = OptimizerSpec(
    name="schedulefree-adamw",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
)
