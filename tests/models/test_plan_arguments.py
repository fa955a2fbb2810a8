"""Optimizers and rules that `mutransfer_cli.plan` refuses, as a recipe would."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from torch import nn

from mutransfer_cli import plan
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.plan_arguments import PlanRules
from mutransfer_cli.parameterization.plan_config import Init, PlanConfig
from mutransfer_cli.plans.plan import Plan


def planned(optimizer: dict[str, Any] | None = None, **rules: Any) -> Plan:
    def make(width: int) -> nn.Module:
        return nn.Sequential(nn.Embedding(256, width), nn.Linear(width, 256))

    return plan(make, base={"width": 8}, target={"width": 32}, optimizer=optimizer or {}, **rules)


@pytest.mark.parametrize(
    ("rule", "value", "line"),
    [
        ("readout", "foo", "readout: expected multiplier | absorbed, found 'foo'"),
        (
            "weight_decay",
            "couple",
            "weight_decay: expected independent | coupled, found 'couple'; did you mean 'coupled'?",
        ),
        ("decay", "foo", "decay: expected matrices | all or a list of patterns, found 'foo'"),
        ("epsilon", 1e-8, "epsilon: expected scaled | constant, found 1e-08"),
        ("alignment", "half", "alignment: expected full | none, found 'half'"),
        ("depth_alpha", 2.0, "depth_alpha: expected at most 1, found 2.0"),
        ("horizon", True, "horizon: expected steps | empirical | fixed-norm | none, found true"),
        ("beta1", 0.9, "beta1: expected keep | scale, found 0.9"),
        ("init", "model", "init: expected a parameterization.plan_config.Init, found 'model'"),
        ("lr_factors", {"hidden": 0}, "lr_factors.hidden: expected above 0, found 0"),
        ("embedding_multiplier", "foo", "embedding_multiplier: expected a number, found 'foo'"),
        ("residual_multiplier", [1], "residual_multiplier: expected a number, found a list"),
        ("clip", 0, "clip: expected above 0, found 0"),
    ],
)
def test_rules_that_are_refused(rule: str, value: object, line: str) -> None:
    with pytest.raises(InputError) as error:
        planned(**{rule: value})
    assert str(error.value).startswith(line)


@pytest.mark.parametrize(
    ("optimizer", "line"),
    [
        ({"lr": 0}, "optimizer.lr: expected above 0, found 0"),
        ({"betas": 0.9}, "optimizer.betas: expected two numbers in brackets, found 0.9"),
        ({"name": "adamww"}, "optimizer.name: "),
    ],
)
def test_optimizers_that_are_refused(optimizer: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as error:
        planned(optimizer)
    assert str(error.value).startswith(line)


def test_rules_that_are_taken() -> None:
    """The readout of a width that grows by 4 (Tensor Programs V, Tables 8 and 3).

    Kept as a multiplier, its init does not change; folded in, it is 1/4 of that.
    """
    absorbed, kept = (
        planned(readout=readout, init=Init(), decay=["*.weight"], alignment=None, clip=None)
        for readout in ("absorbed", "multiplier")
    )
    ratio = (absorbed.tensor("1.weight").init_std or 0) / (kept.tensor("1.weight").init_std or 1)
    assert ratio == pytest.approx(1 / 4)


def test_every_rule_of_a_plan_is_an_argument() -> None:
    config = {f.name: f for f in fields(PlanConfig)}
    assert set(PlanRules.model_fields) == set(config) - {"parameterization", "optimizer"}
    defaults = PlanRules()
    for name in PlanRules.model_fields.keys() - {"init"}:
        assert getattr(defaults, name) == getattr(PlanConfig(), name), name
