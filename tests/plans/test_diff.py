"""Differences between plans and between hyperparameters, number by number."""

from __future__ import annotations

from dataclasses import replace

from mutransfer_cli.plans.diff import hyperparameter_differences, plan_differences
from tests.helpers.planned_net import net_plan


def test_the_same_plan_has_none() -> None:
    assert plan_differences(net_plan(), net_plan()) == ()


def test_a_number_that_changed() -> None:
    here = net_plan()
    first, *rest = here.tensors
    there = replace(here, tensors=(replace(first, lr=2 * first.lr), *rest))
    (found,) = plan_differences(here, there)
    assert (found.name, found.what, found.ratio) == (first.name, "lr", 2.0)
    rounded = replace(here, tensors=(replace(first, lr=first.lr * (1 + 1e-12)), *rest))
    assert plan_differences(here, rounded) == ()  # the last digits are no difference


def test_a_tensor_of_one_plan_only() -> None:
    here = net_plan()
    there = replace(here, tensors=here.tensors[1:])
    gone = {(d.name, d.what): (d.here, d.there) for d in plan_differences(here, there)}
    first = here.tensors[0]
    assert gone[first.name, "lr"] == (first.lr, None)
    assert {name for name, _ in gone} == {first.name}
    (added,) = plan_differences(there, here)
    assert (added.name, added.what, added.here, added.there) == (first.name, "lr", None, first.lr)


def test_forward_multipliers_and_clipping() -> None:
    here = net_plan()
    there = replace(here, forward={**here.forward, "logit_scale": 0.125}, clip=1.0)
    found = {d.what: (d.here, d.there) for d in plan_differences(here, there)}
    assert found == {"logit_scale": (0.25, 0.125), "clip": (None, 1.0)}


def test_hyperparameters_are_compared_by_path() -> None:
    here = {"lr": 0.1, "betas": [0.9, 0.95], "init": {"std": None}, "name": "a", "tied": True}
    there = {"lr": 0.2, "betas": [0.9, 0.99], "init": {"std": 0.5}, "name": "b", "tied": False}
    found = {d.what: (d.here, d.there) for d in hyperparameter_differences(here, there)}
    assert found == {"lr": (0.1, 0.2), "betas.1": (0.95, 0.99), "init.std": (None, 0.5)}
