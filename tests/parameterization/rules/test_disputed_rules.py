"""The choices that a plan shows say what the plan does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.parameterization.plan_config import Optimizer, PlanConfig
from mutransfer_cli.parameterization.planner import plan_model
from mutransfer_cli.parameterization.rows.choice import Choice
from mutransfer_cli.parameterization.rules.disputed_rules import choices_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton
from tests.helpers.traced_models import Net, traced, vectors

BASE = {"width": 8, "depth": 1, "batch": 4, "steps": 10}


def planned(config: PlanConfig, **target: int) -> tuple[Plan, dict[str, Choice]]:
    """The plan of a network at a size, and its choices by their questions."""

    def net(width: int) -> nn.Module:
        torch.manual_seed(0)
        return Net(width, nn.Linear(width, width))

    size = {**BASE, **target}
    shapes = shapes_of(skeleton(lambda: net(size["width"])))
    plan = plan_model(traced(net, vectors()), config, shapes, BASE, size)
    return plan, {choice.what: choice for choice in choices_of(config, plan)}


@pytest.mark.parametrize("readout", ["multiplier", "absorbed"])
@pytest.mark.parametrize("name", ["mup", "sp", "ntk", "mean-field", "umup"])
def test_the_choice_on_clipping_is_the_threshold_of_the_plan(name: str, readout: str) -> None:
    plan, choices = planned(PlanConfig(name, readout=readout, clip=1.0), width=32)
    shown = {1.0: "constant in width", 2.0: "∝ √m_width"}  # m_width is 4
    assert plan.clip is not None
    assert choices["clipping threshold"].taken == shown[plan.clip]


def test_axes_that_do_not_grow_are_not_mentioned() -> None:
    _, choices = planned(PlanConfig("mup", Optimizer(weight_decay=0.1)))
    assert set(choices) == {"epsilon (rules.epsilon)"}


def test_without_depth_rules_nothing_follows_the_depth() -> None:
    _, choices = planned(PlanConfig("mup"), depth=4)
    assert (
        choices["depth (rules.depth)"].taken == "mup has no rule for it: nothing follows the depth"
    )
    _, choices = planned(PlanConfig("umup"), depth=4)
    assert "1/√depth" in choices["depth"].taken


@pytest.mark.parametrize(
    ("optimizer", "kind"), [("adamw", "theory"), ("adam", "theory"), ("lion", "assumption")]
)
def test_the_horizon_is_theory_for_adam_only(optimizer: str, kind: str) -> None:
    _, choices = planned(PlanConfig("mup", Optimizer(optimizer)), batch=16)
    assert choices["batch and duration (rules.horizon)"].kind == kind


def test_epsilon_is_constant_under_unit_scaling() -> None:
    for name, taken in (("mup", "follows the gradient's size"), ("umup", "constant")):
        plan, choices = planned(PlanConfig(name, Optimizer(eps=1e-8)), width=32)
        assert choices["epsilon (rules.epsilon)"].taken == taken
        assert (plan.tensor("hidden.weight").eps == 1e-8) == (taken == "constant")


@pytest.mark.parametrize(
    ("optimizer", "horizon", "factor", "words"),
    [
        # 4 times the batch at equal examples, so a quarter of the steps
        ("sgd", "steps", 4.0, "linear in the batch"),
        ("sgd", "none", 4.0, "rate ∝ batch"),
        ("adamw", "none", 2.0, "rate ∝ √batch"),
    ],
)
def test_the_rate_over_the_batch_is_what_the_choice_says(
    optimizer: str, horizon: str, factor: float, words: str
) -> None:
    config = PlanConfig("mup", Optimizer(optimizer, lr=0.1), horizon=horizon)
    size = {"batch": 4 * BASE["batch"], "steps": 8}
    plan, choices = planned(config, **size)
    (base, _) = planned(config, steps=32)
    assert plan.tensors[0].lr / base.tensors[0].lr == pytest.approx(factor)
    assert words in choices["batch and duration (rules.horizon)"].taken


def test_the_rivals_over_the_batch_are_the_other_values_of_the_key() -> None:
    """Goyal's linear rule is SGD's, Malladi's square root Adam's; one's own rule is no rival."""
    _, choices = planned(PlanConfig("mup", Optimizer("adamw"), horizon="none"), batch=16)
    others = choices["batch and duration (rules.horizon)"].others
    assert "(steps): Complete(d)P" in others and "∝ √batch · tokens^-0.32" in others
    assert "(none)" not in others
    _, choices = planned(PlanConfig("mup", Optimizer("sgd")), batch=16)
    others = choices["batch and duration (rules.horizon)"].others
    assert "rate ∝ batch; length ignored (none): Goyal" in others and "√batch" not in others
    assert "(fixed-norm)" not in others  # under SGD the same as the default
