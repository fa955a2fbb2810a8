"""Checks along further axes: a model that follows the rules passes, and an error is named."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
import torch

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.coordcheck.axis_check import axis_request, check_recipe_axis, default_sizes
from mutransfer_cli.coordcheck.check_request import CheckRequest
from mutransfer_cli.coordcheck.report.axis_words import in_words_of
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.documents.check import CheckDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import loads
from tests.helpers.changed_rates import multiply_learning_rates

MOE = """
name: moe
model: {{build: moe, args: {{head_dim: 8}}}}
parameterization: mup
rules: {{experts: {experts}}}
optimizer: {{name: {optimizer}, lr: 0.0078125, eps: 1.0e-10}}
init: {{embedding_std: 0.1}}
data: {{source: stdlib, seq_len: 8}}
base: {{width: 32, depth: 1, batch: 8, steps: 9, experts: 8, active_experts: 2, expert_width: 16}}
"""


def request(axis: str, experts: str = "active-width", optimizer: str = "adamw") -> CheckRequest:
    recipe = loads(MOE.format(experts=experts, optimizer=optimizer)).recipe
    return axis_request(recipe, AXES[axis], None, None)


def with_error(
    right: CheckRequest, pattern: str, *, init: float = 0.0, lr: float = 0.0
) -> CheckRequest:
    """The request for models in which some tensors lack a power of the size, or have one."""

    def build(size: int, seed: int) -> Subject:
        subject = right.build(size, seed)
        ratio = size / right.widths[0]
        named = {n: p for n, p in subject.model.named_parameters() if fnmatchcase(n, pattern)}
        with torch.no_grad():
            for p in named.values():
                p.mul_(ratio**init)
        assert subject.optimizer is not None
        multiply_learning_rates(subject.model, subject.optimizer, dict.fromkeys(named, ratio**lr))
        return subject

    return replace(right, build=build)


def findings(document: CheckDocument) -> dict[str, str | None]:
    return {t.name: t.finding for t in document.tensors if t.verdict == "fail"}


def test_axes_of_the_model_have_default_sizes() -> None:
    recipe = loads(MOE.format(experts="active-width", optimizer="adamw")).recipe
    assert default_sizes(recipe, AXES["experts"]) == (8, 16, 32)
    assert default_sizes(recipe, AXES["active_experts"]) == (2, 4, 8)
    few = loads(
        MOE.format(experts="active-width", optimizer="adamw"), sets=["base.active_experts=4"]
    )
    assert default_sizes(few.recipe, AXES["active_experts"]) == (2, 4, 8)  # of 8 experts
    # a model that does not refuse more itself, as those of transformers
    assert default_sizes(recipe, AXES["active_experts"], 4) == (1, 2, 4)
    with pytest.raises(InputError, match="--sizes 16: the model has 8 experts"):
        axis_request(recipe, AXES["active_experts"], (4, 16), None)


def test_an_axis_that_the_model_does_not_follow_is_refused() -> None:
    recipe = loads(MOE.format(experts="active-width", optimizer="adamw")).recipe
    with pytest.raises(InputError, match="moe does not follow it"):
        check_recipe_axis(recipe, "rank", None, None)


def test_texts_are_those_of_the_axis() -> None:
    recipe = loads(MOE.format(experts="active-width", optimizer="adamw")).recipe
    document = check_recipe_axis(recipe, "experts", (4, 8), None).document
    assert document.verdict == "inconclusive" and document.axis == "experts"
    assert document.reason.startswith("sizes 4, 8 are too few")
    named = document.model_copy(update={"notes": ("of a width: active-width",)})
    (note,) = in_words_of(named, "experts").notes
    assert note == "of a experts: active-width"  # the name of a rule stays


def test_terms_of_a_sum_over_experts_grow_where_their_init_does() -> None:
    """active-width: outputs ∝ k^1/2 behind gates of 1/k; averaged: outputs that stay."""
    assert request("active_experts").sum_power == -0.5
    assert request("active_experts", "averaged").sum_power is None
    assert request("expert_width").sum_power is None


@pytest.mark.slow
@pytest.mark.parametrize("axis", ["experts", "active_experts", "expert_width"])
@pytest.mark.parametrize("experts", ["active-width", "averaged"])
def test_a_mixture_that_follows_the_rules_passes(axis: str, experts: str) -> None:
    document = run_width_check(request(axis, experts)).document
    assert document.verdict == "pass", document.reason
    assert {t.verdict for t in document.tensors} == {"pass"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("axis", "error", "finding"),
    [
        # the rate is constant in the number of experts, and the init in that at equal k
        ("experts", {"lr": -1.0}, "lr-too-small"),
        ("experts", {"lr": 1.0}, "lr-too-large"),
        ("experts", {"lr": 0.5}, "lr-too-large"),  # hidden by experts that few tokens reach
        ("experts", {"init": 0.5}, "init-too-large"),
        # without m^1/2 in the init of `down`, the sum over k experts shrinks
        ("active_experts", {"init": -0.5}, "init-too-small"),
        ("active_experts", {"lr": 1.0}, "lr-too-large"),
        # init m^-1/2 and rate 1/m left out
        ("expert_width", {"init": 0.5}, "init-too-large"),
        ("expert_width", {"lr": 1.0}, "lr-too-large"),
    ],
)
def test_a_rule_that_is_left_out_is_named(axis: str, error: dict[str, float], finding: str) -> None:
    document = run_width_check(with_error(request(axis), "*.mlp.down", **error)).document
    assert document.verdict == "fail", document.reason
    assert findings(document) == {"blocks.0.mlp.down": finding}


@pytest.mark.slow
def test_a_router_whose_rate_falls_with_its_experts_is_named() -> None:
    wrong = with_error(request("experts"), "*.router.weight", lr=-1.0)
    assert findings(run_width_check(wrong).document) == {
        "blocks.0.mlp.router.weight": "lr-too-small"
    }


@pytest.mark.slow
def test_the_sum_over_experts_may_fade_under_averaging_alone() -> None:
    """With the same init at every k, the sum of k terms behind gates of 1/k falls as k^-1/2."""
    faded = request("active_experts", "averaged")
    assert run_width_check(faded).document.verdict == "pass"
    document = run_width_check(replace(faded, may_fade=False)).document
    assert [f.finding for f in document.faults] == ["activation-scale"]
    assert document.faults[0].where == "blocks.0.mlp"


@pytest.mark.slow
def test_a_mixture_that_sums_its_experts_by_itself_passes() -> None:
    """Hugging Face's code sums the outputs of a token's experts, which the built-in `moe` does not.

    By the bound of aligned terms, k^1/2, the sum would be a fault.
    """
    recipe = loads(
        "name: x\nmodel: {build: 'hf:mixtral', args: {head_dim: 8}}\n"
        "data: {source: stdlib, seq_len: 8}\nbase: {width: 32, depth: 1, batch: 4, steps: 5, "
        "experts: 8, active_experts: 2, expert_width: 16}\n"
    ).recipe
    right = axis_request(recipe, AXES["active_experts"], None, None)
    assert run_width_check(right).document.verdict == "pass"
    document = run_width_check(replace(right, sum_power=None)).document
    assert [f.finding for f in document.faults] == ["sum-over-width"]


@pytest.mark.slow
@pytest.mark.parametrize("axis", ["experts", "expert_width"])
def test_under_sgd_rates_follow_the_share_of_the_tokens(axis: str) -> None:
    right = request(axis, optimizer="sgd")
    assert run_width_check(right).document.verdict == "pass"
    wrong = with_error(right, "*.mlp.up", lr=-1.0)
    assert findings(run_width_check(wrong).document)["blocks.0.mlp.up"] == "lr-too-small"
