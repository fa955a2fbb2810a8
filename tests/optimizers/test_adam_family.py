"""The sizes of the first updates of torch's further optimizers, which their plans rest on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, optimizer_spec
from mutransfer_cli.recipe.size import Size
from tests.helpers.trials import MLP, changed_recipe

HYPERPARAMETERS = GroupHyperparameters(betas=(0.9, 0.95), eps=1e-12, momentum=0.0, nesterov=False)
NAMES = ("nadamw", "rmsprop", "adamax", "adagrad")


@pytest.mark.parametrize(
    ("name", "size"),  # of an entry of the first update at rate 1, by hand
    [
        ("rmsprop", 0.05**-0.5),  # g / √((1 - 0.95) g²)
        ("adamax", 1.0),  # (1 - β1) g / (1 - β1) / |g|
        ("adagrad", 1.0),  # g / √g²
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_the_first_update(name: str, size: float, scale: float) -> None:
    """It does not depend on the gradient's scale, which is what `SIGN` means."""
    spec = optimizer_spec(name)
    made = spec.torch_class()
    assert made is not None
    p = nn.Parameter(torch.zeros(3))
    options = spec.group_options(HYPERPARAMETERS)
    optimizer = made([{"params": [p], "lr": 1.0, "weight_decay": 0.0, **options}])  # type: ignore[call-arg]  # Optimizer has none of its own
    p.grad = scale * torch.tensor([1.0, -2.0, 3.0])
    optimizer.step()
    assert p.detach().tolist() == pytest.approx([-size, size, -size], rel=1e-4)


@pytest.mark.parametrize("name", [*NAMES, "radam", "adopt", "schedulefree-adamw", "sophia"])
def test_plans_are_those_of_adam(name: str) -> None:
    """Entries of their updates are as large as Adam's, so every factor over the width is too."""
    size = Size(64, 2, 8, 30)
    changes = {"optimizer__momentum": 0.0, "optimizer__weight_decay": 0.0}

    def rates(optimizer: str) -> list[float]:
        recipe = changed_recipe(MLP, optimizer__name=optimizer, **changes)
        return [t.lr for t in ProxyFactory(recipe).plan(size).tensors]

    assert rates(name) == pytest.approx(rates("adamw"))
    assert rates(name) != pytest.approx(rates("sgd"))  # the control


def test_decay_that_is_added_to_the_gradient_is_refused_for_adaptive_ones() -> None:
    assert OPTIMIZERS["nadamw"].decoupled is None  # torch's switch decouples it
    for name in NAMES[1:]:
        assert OPTIMIZERS[name].decoupled == "adamw"
