"""The rate of token embeddings over the width, by every value of `rules.embedding`."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.coordcheck.recipe_check import proxy_builder, width_request
from mutransfer_cli.coordcheck.static_audit import audit
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN
from mutransfer_cli.parameterization.choices.embedding_rate import embedding_choice
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.load import load, loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, base_size

RECIPE = """
name: t
model: {build: gpt, args: {vocab_size: 512, head_dim: 8}}
data: {source: stdlib, seq_len: 16}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.1}
base: {width: 16, depth: 1, batch: 4, steps: 12}
"""
MEASURED = "{embedding: measured, embedding_exponent: -0.25}"


def recipe(rules: str = "{}", more: str = "") -> Recipe:
    return loads(f"{RECIPE}rules: {rules}\n{more}").recipe


def plan(rules: str = "{}", width: int = 64) -> Plan:
    return ProxyFactory(recipe(rules)).plan(Size(width, 1, 4, 12))


@pytest.mark.parametrize(
    ("rules", "factor"),  # at four times the width, by hand
    [
        ("{}", 1.0),
        ("{embedding: mup}", 1.0),
        ("{embedding: large-vocab}", 0.5),  # 4^-1/2; embedding/hidden is then √4 = 2 times
        (MEASURED, 4**-0.25),
    ],
)
def test_the_rate_of_token_embeddings(rules: str, factor: float) -> None:
    """All other rates stay, and so does what decays per step."""
    mup, other = plan(), plan(rules)
    for tensor in mup.tensors:
        expected = factor if tensor.name == "token.weight" else 1.0
        found = other.tensor(tensor.name)
        assert found.lr == pytest.approx(expected * tensor.lr)
        assert found.lr * found.weight_decay == pytest.approx(tensor.lr * tensor.weight_decay)
    ratio = other.tensor("token.weight").lr / other.tensor("blocks.0.mlp.up.weight").lr
    assert ratio == pytest.approx(4 * factor)
    assert ("rules.embedding" in other.tensor("token.weight").why) == (factor != 1.0)


def test_at_the_base_every_rule_is_the_same() -> None:
    assert plan("{embedding: large-vocab}", 16).tensor("token.weight").lr == 0.01


def test_what_a_plan_says_of_the_choice() -> None:
    mup = parameterization_of("mup")
    taken = {
        rules: embedding_choice(plan_config_of(recipe(rules)), mup, SIGN)
        for rules in ("{}", "{embedding: large-vocab}", MEASURED)
    }
    assert [c.kind for c in taken.values()] == ["theory", "theory", "empirical"]
    assert "√width" in taken["{embedding: large-vocab}"].taken
    assert "width^-0.25" in taken[MEASURED].taken
    config = plan_config_of(recipe("{embedding: large-vocab}"))
    assert embedding_choice(config, mup, GRADIENT).kind == "assumption"  # derived for Adam alone


@pytest.mark.parametrize(
    ("rules", "more", "message"),
    [
        ("{embedding: measured}", "", "embedding_exponent belong to each other"),
        ("{embedding_exponent: 0.5}", "", "embedding_exponent belong to each other"),
        ("{embedding: large}", "", "mup"),
        ("{embedding: large-vocab}", "parameterization: umup\n", "umup has a rule of its own"),
        ("{embedding: large-vocab}", "parameterization: sp\n", "sp has one learning rate for all"),
    ],
)
def test_what_does_not_fit_is_refused(rules: str, more: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe(rules, more)


@pytest.mark.parametrize("run", [audit, run_width_check])
def test_the_check_expects_the_rule_of_the_recipe(run) -> None:  # type: ignore[no-untyped-def]  # two kinds of checks
    """With the factor of the rule left out, it fails, and names the embedding alone."""
    request = width_request(recipe("{embedding: large-vocab}"), (16, 32, 64), None)
    assert run(request).passed
    factory = ProxyFactory(recipe())
    base = base_size(factory.recipe)
    left_out = proxy_builder(factory, lambda width: Size(width, base.depth, base.batch, 12))
    report = run(type(request)(left_out, request.expected, "mup", request.widths))
    failed = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
    assert failed == {"token.weight": "lr-too-large"}


def test_the_ready_recipe_has_a_vocabulary_far_larger_than_its_widths() -> None:
    loaded = load(Path("recipes/embedding-rate.yaml")).recipe
    assert loaded.model.args["vocab_size"] >= 64 * max(loaded.ladder.width)
    assert {"lr", "lr_factors.embedding"} == set(loaded.search.space)
