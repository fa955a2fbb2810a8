"""Notes on the numbers of a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.models.notes import notes_of
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from tests.helpers.trials import small_recipe

RECIPE = small_recipe("mlp")


def planned(width: int) -> Plan:
    return ProxyFactory(RECIPE).plan(Size(width, 2, 8, 100))


def test_a_wider_target_needs_no_note() -> None:
    assert notes_of(RECIPE, planned(64)) == ()


@pytest.mark.parametrize(
    ("width", "note"),
    [(32, "nothing grows: the target is the base"), (16, "narrower than the bas")],
)
def test_targets_that_do_not_grow(width: int, note: str) -> None:
    (found,) = notes_of(RECIPE, planned(width))
    assert note in found


@pytest.mark.parametrize(("count", "more"), [(1, ""), (4, " and 1 more")])
def test_tensors_without_a_rule_are_named(count: int, more: str) -> None:
    plan = planned(64)
    fixed = [replace(t, role="fixed") for t in plan.tensors[:count]]
    (found,) = notes_of(RECIPE, replace(plan, tensors=(*fixed, *plan.tensors[count:])))
    names = ", ".join(t.name for t in fixed[:3])
    assert found == f"theory has no agreed rule for {names}{more}: kept constant"


def test_dimensions_that_grow_by_another_ratio() -> None:
    """The width doubles; a tensor whose dimensions triple is named, and no other."""
    plan = planned(64)
    tensor = next(t for t in plan.tensors if t.growing)
    grown = tuple(3 * n if d in tensor.growing else n for d, n in enumerate(tensor.base_shape))
    others = tuple(replace(t, shape=grown) if t is tensor else t for t in plan.tensors)
    (found,) = notes_of(RECIPE, replace(plan, tensors=others))
    assert found.startswith(f"{tensor.name}: grow by another ratio than the width")


def test_total_and_active_width_of_a_mixture() -> None:
    recipe = loads(
        "name: moe\nmodel: {build: moe, args: {vocab_size: 256, head_dim: 8}}\n"
        "data: {source: stdlib, seq_len: 4}\n"
        "base: {width: 16, depth: 2, experts: 4, active_experts: 2, expert_width: 8}\n"
        "target: {experts: 8, expert_width: 24}\n",
    ).recipe
    plan = ProxyFactory(recipe).plan(
        Size(16, 2, 16, 200, experts=8, active_experts=2, expert_width=24)
    )
    (found,) = [note for note in notes_of(recipe, plan) if "total width" in note]
    # 2 layers of 8 experts with matrices 24×16 and 16×24; 6 of them idle
    experts, layer = 2 * 8 * 2 * 24 * 16, 4 * 16 * 16 + 8 * 16 + 4 * 16
    total = experts + 2 * layer + 256 * 16 * 2 + 4 * 16 + 2 * 16
    assert "8 × 24 = 192 (base 32), active width 2 × 24 = 48 (base 16)" in found
    assert f"parameters {total:,}, active for a token {total - experts * 6 // 8:,}" in found
    assert not [n for n in notes_of(RECIPE, planned(64)) if "total width" in n]


@pytest.mark.parametrize(
    ("width", "expert_width", "rule", "noted"),
    [
        (16, 24, "active-width", True),  # k · M = 48
        (16, 8, "active-width", False),  # 16, the width itself
        (16, 24, "averaged", False),
        (48, 24, "active-width", False),
    ],
)
def test_experts_that_are_wider_than_their_sum(
    width: int, expert_width: int, rule: str, noted: bool
) -> None:
    """By the spectral condition, experts of a token count as independent up to the width."""
    recipe = loads(
        "name: moe\nmodel: {build: moe, args: {vocab_size: 256, head_dim: 8}}\n"
        f"data: {{source: stdlib, seq_len: 4}}\nrules: {{experts: {rule}}}\n"
        "base: {width: 16, depth: 2, experts: 4, active_experts: 2, expert_width: 8}\n"
        "target: {experts: 4}\n",
    ).recipe
    size = Size(width, 2, 16, 200, experts=4, active_experts=2, expert_width=expert_width)
    notes = notes_of(recipe, ProxyFactory(recipe).plan(size))
    said = [note for note in notes if f"k · M = 2 × {expert_width}" in note]
    assert bool(said) is noted
