"""Plans of weight normalization, W = g · V / |V|, by hand for m = 256/64 = 4.

|V| of a row of n entries goes as √n · std. V's own scale cancels, so its rate is that of an
ordinary matrix whose update is compared with its own size. g takes the place of |V|:
init of g ∝ |V|, and its update in proportion to it.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, plan
from mutransfer_cli.plans.plan import Plan
from tests.helpers.check_subjects import small_batch, small_loss
from tests.helpers.weight_normed import FORMS, WeightNormed, batches, entropy

ADAM = {"name": "adam", "lr": 0.01}
SGD = {"name": "sgd", "lr": 0.01}


def plan_of(
    optimizer: dict[str, object], form: str, gains: float | None = None, **rules: object
) -> Plan:
    def bare(width: int) -> Subject:
        torch.manual_seed(0)
        model = WeightNormed(width, form, dim=rules.get("dim", 0))
        if gains is not None:
            for name, p in model.named_parameters():
                if name.endswith(FORMS[form][1]):
                    torch.nn.init.constant_(p, gains)
        return Subject(model, None, entropy, batches())

    readout = {"readout": rules["readout"]} if "readout" in rules else {}
    return plan(bare, base={"width": 64}, target={"width": 256}, optimizer=optimizer, **readout)  # type: ignore[arg-type]  # a rule


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("optimizer", "layer", "lr_of_gain", "lr_of_direction", "growth"),
    [
        # |V| of a row of n entries of std 1/√n is constant: g is an ordinary vector
        (ADAM, "b", 0.01, 0.0025, 1.0),
        (ADAM, "a", 0.01, 0.01, 1.0),
        (SGD, "b", 0.04, 0.01, 1.0),  # SGD: the rate of a vector ∝ m, that of a matrix constant
        # a readout of constant std has rows of norm √m, behind a multiplier of 1/m
        (ADAM, "head", 0.02, 0.01, 2.0),
        # gradient of g ∝ V·x/|V| ∝ 1 (at init), and it has to change g by √m relative to 1/m:
        # the scalar's rate, constant, times the square of √m
        (SGD, "head", 0.04, 0.04, 2.0),
    ],
)
def test_gains_and_directions(
    form: str,
    optimizer: dict[str, object],
    layer: str,
    lr_of_gain: float,
    lr_of_direction: float,
    growth: float,
) -> None:
    _, gain, direction = FORMS[form]
    found = plan_of(optimizer, form, gains=1.5)
    g, v = (found.tensor(f"{layer}.{name}") for name in (gain, direction))
    assert (g.lr, v.lr) == (pytest.approx(lr_of_gain), pytest.approx(lr_of_direction))
    assert (g.init, g.init_std) == ("rescale", pytest.approx(1.5 * growth))
    assert g.role == ("scalar" if layer == "head" else "vector")
    assert v.role == {"a": "input", "b": "hidden", "head": "readout"}[layer]


def test_an_absorbed_readout_has_small_gains() -> None:
    """Std and rate 1/m: rows of norm m^-1/2 = 1/2."""
    found = plan_of(ADAM, "hooks", gains=1.0, readout="absorbed")
    assert found.tensor("head.weight_g").init_std == pytest.approx(0.5)
    assert found.tensor("head.weight_g").lr == pytest.approx(0.005)
    assert found.tensor("head.weight_v").lr == pytest.approx(0.0025)


def test_one_gain_for_all_rows() -> None:
    """|V| of n² entries of std 1/√n goes as √n = 2."""
    found = plan_of(ADAM, "parametrizations", gains=1.0, dim=None)
    gain = found.tensor("b.parametrizations.weight.original0")
    assert (gain.init_std, gain.lr) == (pytest.approx(2.0), pytest.approx(0.02))


class WrittenByHand(nn.Module):
    """The layer and the readout have weight normalization as in a forward pass of one's own."""

    def __init__(self, width: int, order: str) -> None:
        super().__init__()
        self.order = order
        self.first = nn.Linear(16, width)
        self.v, self.g = nn.Parameter(torch.randn(width, width)), nn.Parameter(torch.ones(width, 1))
        self.v2, self.g2 = nn.Parameter(torch.randn(8, width)), nn.Parameter(torch.full((8,), 3.0))

    def weight(self, v: Tensor, g: Tensor) -> Tensor:
        norm = v.norm(dim=1, keepdim=True)
        if self.order == "plain":
            return g * (v / 2)
        return {"norm first": g * (v / norm), "gain first": g * v / norm}.get(
            self.order, g / norm * v
        )

    def forward(self, x: Tensor) -> Tensor:
        h = F.linear(self.first(x).relu(), self.weight(self.v, self.g)).relu()
        return F.linear(h, self.weight(self.v2, self.g2[:, None]))


@pytest.mark.parametrize("order", ["norm first", "gain first", "ratio first"])
def test_weight_norm_written_by_hand_is_planned_as_torch_s(order: str) -> None:
    """The values of the two tests above: a hidden matrix, and a readout without a multiplier."""
    found = plan_by_hand(order)
    assert [found.tensor(n).lr for n in ("v", "g", "v2", "g2")] == pytest.approx(
        [0.0025, 0.01, 0.0025, 0.005]
    )
    assert [found.tensor(n).init_std for n in ("g", "g2")] == pytest.approx([1.0, 3.0 * 0.5])


def test_a_gain_on_a_weight_that_is_not_normalized_keeps_its_init() -> None:
    """The negative control."""
    found = plan_by_hand("plain")
    assert [found.tensor(n).init for n in ("g", "g2")] == ["keep", "keep"]
    assert found.tensor("g2").lr == pytest.approx(0.01)


def plan_by_hand(order: str) -> Plan:
    def bare(width: int) -> Subject:
        return Subject(WrittenByHand(width, order), None, entropy, batches())

    return plan(bare, base={"width": 64}, target={"width": 256}, optimizer=ADAM)


def test_without_weight_norm_vectors_keep_their_init() -> None:
    """The negative control: a bias is no gain."""
    bias = plan_of(ADAM, "hooks").tensor("b.bias")
    assert (bias.init, bias.lr) == ("keep", pytest.approx(0.01))


class Scaled(torch.nn.Sequential):
    """Logits times a power of the width."""

    def __init__(self, width: int, power: float) -> None:
        super().__init__(torch.nn.Linear(6, width), torch.nn.ReLU(), torch.nn.Linear(width, 3))
        self.factor = width**power

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * super().forward(x)


@pytest.mark.parametrize("power", [0.5, -1.0, 0.0])
def test_the_plan_says_that_it_counts_the_models_own_factor(power: float) -> None:
    """The readout's multiplier is 1/m beside m^power: m^-(1 + power), m = 4."""
    found = plan(
        lambda width: Subject(Scaled(width, power), None, small_loss, small_batch),
        base={"width": 64},
        target={"width": 256},
        optimizer=ADAM,  # type: ignore[arg-type]  # a mapping
    )
    assert found.forward["logit_scale"] == pytest.approx(4 ** -(1 + power))
    line = f"the model itself multiplies it by width^{power:g}, which the plan counts"
    assert (line in found.tensor("2.weight").why) is (power != 0)
    assert "itself multiplies" not in found.tensor("0.weight").why
