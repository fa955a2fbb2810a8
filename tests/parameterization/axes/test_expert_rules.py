"""Numbers of a mixture of experts along each of its axes, by hand for Adam.

A token's output is the mean of k experts of width M. One matrix over k · M features with gates of
1/k behind it: std k · (k·M)^-1/2 = k^1/2 · M^-1/2 (active-width); a mean over neurons: std ∝ 1/M
(averaged). The last matrix sums over M: rate ∝ 1/M under both.
"""

from __future__ import annotations

import pytest

from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.parameterization.axes.expert_rules import expert_count
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.parameterization.rules.disputed_rules import choices_of
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from tests.helpers.proxies import plan_for

RECIPE = """
name: moe
model: {{build: moe, args: {{head_dim: 8}}}}
rules: {{experts: {experts}}}
optimizer: {{name: {optimizer}, lr: 0.01}}
data: {{source: stdlib, seq_len: 8}}
base: {{width: 16, depth: 1, batch: 8, steps: 9, experts: 4, active_experts: 2, expert_width: 8}}
ladder: {{width: [16, 32]}}
"""
BASE = {"width": 16, "depth": 1, "batch": 8, "steps": 9, "experts": 4, "active_experts": 2}
BASE |= {"expert_width": 8}


def recipe(experts: str = "active-width", optimizer: str = "adamw") -> Recipe:
    return loads(RECIPE.format(experts=experts, optimizer=optimizer)).recipe


def ratios(given: Recipe, tensor: str, **larger: int) -> tuple[float, float]:
    """Of init and rate, between a larger mixture and that of the base."""
    old, new = (
        plan_for(given, Size(**size)).tensor(f"blocks.0.mlp.{tensor}")
        for size in (BASE, {**BASE, **larger})
    )
    return (new.init_std or 0) / (old.init_std or 1), new.lr / old.lr


def test_the_number_of_experts_is_that_of_the_stacks() -> None:
    assert expert_count(family_for(recipe())) == 4


@pytest.mark.parametrize("experts", ["active-width", "averaged"])
@pytest.mark.parametrize("tensor", ["up", "down", "router.weight"])
def test_nothing_but_epsilon_follows_the_number_of_experts(experts: str, tensor: str) -> None:
    assert ratios(recipe(experts), tensor, experts=16) == pytest.approx((1, 1))


@pytest.mark.parametrize(
    ("experts", "larger", "std", "lr"),
    [
        ("active-width", {"active_experts": 4}, 2**0.5, 1),
        ("averaged", {"active_experts": 4}, 1, 1),
        ("active-width", {"expert_width": 32}, 1 / 2, 1 / 4),
        ("averaged", {"expert_width": 32}, 1 / 4, 1 / 4),
        ("active-width", {"active_experts": 4, "expert_width": 32}, 2**-0.5, 1 / 4),
    ],
)
def test_the_last_matrix_of_the_experts(
    experts: str, larger: dict[str, int], std: float, lr: float
) -> None:
    assert ratios(recipe(experts), "down", **larger) == pytest.approx((std, lr))
    assert ratios(recipe(experts), "up", **larger) == pytest.approx((1, 1))
    assert ratios(recipe(experts), "router.weight", **larger) == pytest.approx((1, 1))


def test_under_sgd_rates_follow_the_share_of_the_tokens() -> None:
    """Four times the experts: 1/4 of the tokens, a gradient of 1/2, twice the rate."""
    for tensor in ("up", "down", "router.weight"):
        assert ratios(recipe(optimizer="sgd"), tensor, experts=16)[1] == pytest.approx(2)


def test_a_dense_model_is_one_expert() -> None:
    """From 1 expert of width 16 to 2 of 4 with width 8: the same active width, k = 2."""
    dense = loads(
        RECIPE.format(experts="active-width", optimizer="adamw"),
        sets=["base.experts=1", "base.active_experts=1", "base.expert_width=16"],
    ).recipe
    size = {**BASE, "experts": 1, "active_experts": 1, "expert_width": 16}
    old, new = (plan_for(dense, Size(**s)).tensor("blocks.0.mlp.down") for s in (size, BASE))
    assert old.init_std == pytest.approx(16**-0.5)
    assert new.init_std == pytest.approx(2 * 16**-0.5)  # k · (k·M)^-1/2
    assert new.lr / old.lr == pytest.approx(2)  # 1/M


def test_axes_that_are_not_named_are_arguments() -> None:
    text = RECIPE.format(experts="active-width", optimizer="adamw")
    fixed = loads(text.partition("base:")[0] + "base: {width: 16, depth: 1}\n").recipe
    assert not fixed.model.experts and fixed.model.args["n_expert"] == 8
    up = plan_for(fixed, Size(width=32, depth=1, batch=16, steps=200)).tensor("blocks.0.mlp.up")
    assert up.shape == (8, 32, 32)  # d_expert follows the width


def test_choices_are_those_of_the_axes_that_grow() -> None:
    given = recipe("averaged")
    config = plan_config_of(given)
    along_k = choices_of(config, plan_for(given, Size(**{**BASE, "active_experts": 4})))
    assert "sum over experts (rules.experts)" in {c.what for c in along_k}
    at_base = choices_of(config, plan_for(given, Size(**BASE)))
    assert {c.what for c in at_base} & {"router", "number of experts"} == {"router"}
