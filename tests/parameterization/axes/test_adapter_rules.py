"""Rates of adapters over their rank, by the matrix that starts at zero and the factor.

Derived by hand for Adam, whose entries of an update are of size rate. With B zero, A x has entries
of size 1, and all `rank` terms of B (A x) agree: the output moves by s · rate · rank. With A zero,
A x moves by rate · width in each of its `rank` entries; B has orthogonal columns of norm
√(width/rank), so the output moves by s · √(width/rank) · √rank · rate · width / √width, whatever
the rank. The factor s is lora_alpha / rank^power.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.parameterization.axes.adapter_rules import (
    factor_power,
    rate_exponent,
    zero_matrix,
)
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from tests.helpers.proxies import plan_for

RECIPE = """
name: adapters
model: {{build: "{module}:build", args: {{power: {power}, zero: {zero}}}}}
rules: {{rank: {rank}}}
optimizer: {{name: adamw, lr: 0.01, weight_decay: 0.1}}
data: {{source: digits}}
base: {{width: 16, batch: 8, steps: 5, rank: 4}}
ladder: {{width: [16, 32]}}
"""


class Adapted(nn.Module):
    """A frozen layer with an adapter, as in PEFT."""

    def __init__(self, width: int, rank: int, power: float, zero: str) -> None:
        super().__init__()
        self.base_layer = nn.Linear(width, width)
        self.down, self.up = (
            nn.Linear(a, b, bias=False) for a, b in ((width, rank), (rank, width))
        )
        self.scaling = 8.0 / rank**power
        nn.init.zeros_((self.down if zero == "A" else self.up).weight)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.base_layer(x) + self.up(self.down(x)) * self.scaling
        return y


class Net(nn.Module):
    """A frozen network with one adapter, and a readout of its own."""

    def __init__(self, width: int, rank: int, power: float, zero: str) -> None:
        super().__init__()
        self.input = nn.Linear(64, width)
        self.layer = nn.Linear(width, width)
        self.requires_grad_(False)
        self.layer = Adapted(width, rank, power, zero)
        self.layer.base_layer.requires_grad_(False)
        self.head = nn.Linear(width, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.input(x))
        logits: Tensor = self.head(torch.relu(self.layer(h)))
        return logits


def build(width: int, rank: int, power: float = 1.0, zero: str = "B") -> nn.Module:
    """What the recipes build."""
    return Net(width, rank, power, zero)


def recipe(power: float = 1.0, zero: str = "B", rank: str = "derived"):
    return loads(RECIPE.format(module=__name__, power=power, zero=zero, rank=rank)).recipe


@pytest.mark.parametrize(
    ("zero", "power", "exponent"),
    [("B", 1.0, 0.0), ("B", 0.0, -1.0), ("B", 0.5, -0.5), ("A", 0.0, 0.0), ("A", 1.0, 1.0)],
)
def test_rates_follow_the_rank(zero: str, power: float, exponent: float) -> None:
    from mutransfer_cli.models.family_cache import family_for

    family = family_for(recipe(power, zero))
    assert zero_matrix(family) == zero
    assert factor_power(family) == pytest.approx(-power)
    assert rate_exponent(PlanConfig(), family) == pytest.approx(exponent)
    size = {"width": 16, "depth": 2, "batch": 8, "steps": 5}
    at_base = plan_for(recipe(power, zero), Size(**size, rank=4))
    plan = plan_for(recipe(power, zero), Size(**size, rank=32))
    for name in ("layer.down.weight", "layer.up.weight"):
        ratio = plan.tensor(name).lr / at_base.tensor(name).lr
        assert ratio == pytest.approx(8**exponent)
        decay = plan.tensor(name).lr * plan.tensor(name).weight_decay
        assert decay == pytest.approx(at_base.tensor(name).lr * 0.1)
    assert plan.tensor("head.weight").lr == at_base.tensor("head.weight").lr


@pytest.mark.parametrize(("rank", "exponent"), [("invariant", 0.0), ("inverse", -1.0)])
def test_the_recipe_may_name_a_regime(rank: str, exponent: float) -> None:
    size = {"width": 16, "depth": 2, "batch": 8, "steps": 5}
    at_base = plan_for(recipe(rank=rank), Size(**size, rank=4))
    plan = plan_for(recipe(rank=rank), Size(**size, rank=16))
    ratio = plan.tensor("layer.up.weight").lr / at_base.tensor("layer.up.weight").lr
    assert ratio == pytest.approx(4**exponent)


def test_a_pretrained_model_keeps_its_values_and_its_forward_pass() -> None:
    """In width, A is a readout onto the rank, B an input from it, and a new head a readout."""
    size = {"depth": 2, "batch": 8, "steps": 5, "rank": 4}
    at_base = plan_for(recipe(), Size(width=16, **size))
    plan = plan_for(recipe(), Size(width=64, **size))
    assert {t.init for t in plan.tensors} == {"keep"}
    assert not plan.sites and all(value is None for value in plan.forward.values())
    for name, ratio in (
        ("layer.down.weight", 1 / 4), ("layer.up.weight", 1.0), ("head.weight", 1 / 4),
    ):  # fmt: skip
        assert plan.tensor(name).lr / at_base.tensor(name).lr == pytest.approx(ratio)
    model = build(16, 4)
    before = {name: p.clone() for name, p in model.named_parameters()}
    at_base.initialize(model, 0)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    trained = {id(p) for group in at_base.param_groups(model) for p in group["params"]}
    assert trained == {id(p) for p in model.parameters() if p.requires_grad}


class FromScratch(nn.Module):
    """A new model with a frozen table of positions and a frozen bias of its router, or more."""

    def __init__(self, width: int, frozen: str = "") -> None:
        super().__init__()
        self.input, self.hidden = nn.Linear(64, width), nn.Linear(width, width)
        self.table, self.head = nn.Embedding(4, width), nn.Linear(width, 10)
        self.bias = nn.Parameter(torch.zeros(10), requires_grad=False)
        self.table.requires_grad_(False)
        if frozen:
            self.get_submodule(frozen).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x) + self.table(torch.zeros(len(x), dtype=torch.long))
        y: Tensor = self.head(torch.relu(self.hidden(torch.relu(x)))) + self.bias
        return y


@pytest.mark.parametrize(("frozen", "ratio"), [("", 1 / 2), ("hidden", 1.0)])
def test_frozen_tables_and_biases_make_no_pretrained_model(frozen: str, ratio: float) -> None:
    """Its init is that of a new model, 1/√width (Tensor Programs V, Table 8); not with a layer."""
    text = RECIPE.format(module=__name__, power=1, zero="B", rank="derived")
    text = text.replace(":build", ":FromScratch").replace(
        "power: 1, zero: B", f"frozen: '{frozen}'"
    )
    scratch = loads(text.replace(", rank: 4", ""), "r.yaml").recipe
    base, wide = (
        plan_for(scratch, Size(width=width, depth=1, batch=8, steps=5)) for width in (16, 64)
    )
    models = FromScratch(16, frozen), FromScratch(64, frozen)
    table = models[1].table.weight.clone()
    stds = [model.hidden.weight.std() for model in models]
    for plan, model in zip((base, wide), models, strict=True):
        plan.initialize(model, 0)
    assert torch.equal(models[1].table.weight, table)  # frozen: as it was made
    kept = [model.hidden.weight.std() / std for model, std in zip(models, stds, strict=True)]
    assert (wide.forward["logit_scale"] is None) is bool(frozen)
    assert {wide.tensor("hidden.weight").init} == ({"keep"} if frozen else {"rescale"})
    if not frozen:
        std = [plan.tensor("hidden.weight").init_std for plan in (base, wide)]
        assert None not in std and std[1] / std[0] == pytest.approx(ratio, rel=0.02)
    else:
        assert kept == [1.0, 1.0]


def test_other_tensors_do_not_follow_the_rank() -> None:
    config = replace(PlanConfig(), rank="inverse")
    assert config.rank == "inverse"
    size = {"width": 16, "depth": 2, "batch": 8, "steps": 5}
    plans = [plan_for(recipe(rank="inverse"), Size(**size, rank=rank)) for rank in (4, 8)]
    assert plans[0].tensor("head.weight").lr == plans[1].tensor("head.weight").lr
