"""Recipes whose optimizer is a class of the user's own: planned, trained, refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from tests.helpers.recipes import MLP, change, refused

HERE = "tests.helpers.own_optimizers:"


def factory(name: str, *sets: str) -> ProxyFactory:
    text = change("lr: 0.01", f"lr: 0.01\n  name: {HERE}{name}", MLP)
    return ProxyFactory(loads(text, "r.yaml", sets).recipe)


def hidden_ratio(proxies: ProxyFactory) -> float:
    """The rate of a hidden matrix at four times the base width, over that at the base."""
    rates = [
        next(t.lr for t in proxies.plan(Size(width, 3, 8, 100)).tensors if t.role == "hidden")
        for width in (32, 128)
    ]
    return rates[1] / rates[0]


# Tensor Programs V, Table 8 (fan_in grows as the width): SGD 1, Adam 1/width; the spectral
# condition asks a constant spectral norm of the update of a square matrix, and Polar's is √width.
@pytest.mark.parametrize(("name", "ratio"), [("Descent", 1.0), ("Signs", 1 / 4), ("Polar", 1 / 2)])
def test_rates_over_the_width(name: str, ratio: float) -> None:
    assert hidden_ratio(factory(name)) == pytest.approx(ratio)


def test_a_plan_says_that_the_geometry_was_measured() -> None:
    plan = factory("Signs").plan(Size(64, 3, 8, 100))
    hidden = next(t for t in plan.tensors if t.role == "hidden")
    assert "measured: update ∝ gradient^0.00" in hidden.why
    assert hidden.source.endswith("lr measured")


def test_arguments_reach_the_class() -> None:
    """Signs times 3: the first step changes every entry by 3 · rate."""
    proxies = factory("Signs", "optimizer.args.factor=3.0")
    size = Size(32, 3, 8, 100)
    plan = proxies.plan(size)
    subject = proxies.build_with_optimizer(size, 0, plan)
    assert subject.optimizer is not None
    hidden = next(t for t in plan.tensors if t.role == "hidden")
    parameter = dict(subject.model.named_parameters())[hidden.name]
    before: Tensor = parameter.detach().clone()
    for p in subject.model.parameters():
        p.grad = torch.ones_like(p)
    subject.optimizer.step()
    change_made = before - parameter.detach()
    assert torch.allclose(change_made, torch.full_like(change_made, 3 * hidden.lr), rtol=1e-4)


def test_a_spectral_class_leaves_the_rest_to_adamw() -> None:
    proxies = factory("Polar", "optimizer.adamw_lr=0.001")
    plan = proxies.plan(proxies.base)
    assert {t.optimizer for t in plan.tensors if t.role == "hidden"} == {HERE + "Polar"}
    others = [t for t in plan.tensors if t.role != "hidden"]
    assert {t.optimizer for t in others} == {"adamw"}
    assert {t.lr for t in others if t.role == "input"} == {0.001}


def test_a_rate_for_adamw_without_effect_is_refused() -> None:
    with pytest.raises(InputError, match="trains every tensor"):
        factory("Signs", "optimizer.adamw_lr=0.001").plan(Size(32, 3, 8, 100))


def test_decay_without_a_rule_is_refused() -> None:
    proxies = ProxyFactory(
        loads(
            change("lr: 0.01", "lr: 0.01\n  name: torch.optim:Adam\n  weight_decay: 0.1", MLP)
        ).recipe
    )
    with pytest.raises(InputError, match="no consistent scaling rule"):
        proxies.plan(Size(32, 3, 8, 100))


def test_arguments_of_a_built_in_optimizer_are_refused() -> None:
    assert "args belong to a class of your own" in refused(MLP, "optimizer.args.factor=3")
    line = refused(MLP, "optimizer.name=adamww")
    assert "package.module:Class" in line
    line = refused(MLP, "optimizer.name=torch.optim.AdamW")
    assert "a class takes a colon before its name, torch.optim:AdamW" in line


@pytest.mark.parametrize(
    ("name", "refuses"), [(HERE + "Signs", True), ("torch.optim:AdamW", False)]
)
def test_a_searched_number_that_the_class_does_not_take(name: str, refuses: bool) -> None:
    text = change("lr: 0.01", f"lr: 0.01\n  name: {name}", MLP)
    sets = ("search.space.beta2={linear: [0.9, 0.99]}",)
    proxies = ProxyFactory(loads(text, "r.yaml", sets).recipe)
    if not refuses:
        proxies.require_trainable()
        return
    with pytest.raises(InputError, match="its constructor names no betas"):
        proxies.require_trainable()
