"""Parameter groups over the parameters of a model."""

from __future__ import annotations

import pytest
from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.param_groups import trainable_optimizers, untrainable_reason
from tests.helpers.planned_net import WIDTH, Net, net_plan


def test_groups_cover_every_parameter_once() -> None:
    model = Net(WIDTH)
    groups = net_plan().param_groups(model)
    ids = [id(p) for g in groups for p in g["params"]]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())


def test_a_model_of_another_shape_is_refused() -> None:
    plan = net_plan()
    with pytest.raises(InputError, match=r"first\.weight has shape"):
        plan.param_groups(Net(WIDTH // 2))
    model = Net(WIDTH)
    model.hidden = nn.Linear(WIDTH, WIDTH, bias=False)
    with pytest.raises(InputError, match=r"hidden\.bias is in the plan"):
        plan.param_groups(model)


def test_optimizers_that_have_no_class() -> None:
    assert {"shampoo", "soap"}.isdisjoint(trainable_optimizers())
    assert {"adamw", "lion"} <= set(trainable_optimizers())
    assert "has no shampoo: the plan gives its numbers only" in str(untrainable_reason("shampoo"))
    assert untrainable_reason("lion") is None
    assert "has no lion" in str(untrainable_reason("lion", torch_only=True))
