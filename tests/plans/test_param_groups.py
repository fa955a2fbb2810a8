"""Parameter groups over the parameters of a model."""

from __future__ import annotations

import pytest
from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans import param_groups
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


def test_optimizers_that_have_no_class(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"adamw", "lion", "sophia"} <= set(trainable_optimizers())
    assert untrainable_reason("lion") is None
    assert "has no lion" in str(untrainable_reason("lion", torch_only=True))
    assert "has no soap" in str(untrainable_reason("soap", torch_only=True))
    monkeypatch.setattr(param_groups, "find_spec", lambda package: None)
    assert {"shampoo", "soap"}.isdisjoint(trainable_optimizers())
    expected = "shampoo needs pytorch_optimizer: pip install 'mutransfer[optimizers]'"
    assert untrainable_reason("shampoo") == expected
