"""The factor on an adapter's result, where attention or a norm follows; PEFT as the oracle."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.models.growth.adapter_factors import adapter_factors, measured_powers


class Layer(nn.Module):
    """A frozen layer with an adapter behind a factor."""

    def __init__(self, scaling: float, rank: int) -> None:
        super().__init__()
        self.base_layer = nn.Linear(8, 8)
        self.parts = nn.ModuleDict({"A": nn.Linear(8, rank), "B": nn.Linear(rank, 8)})
        self.scaling = scaling

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.base_layer(x) + self.parts["B"](self.parts["A"](x)) * self.scaling
        return y


class Net(nn.Module):
    """Two such layers, with a norm that hides the size of what is before it."""

    def __init__(self, rank: int, power: float) -> None:
        super().__init__()
        self.first, self.second = (Layer(c / rank**power, rank) for c in (8.0, 2.0))
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.second(torch.softmax(self.first(x), -1)))
        return y


NAMES = ("first.parts.B.weight", "second.parts.B.weight")


def traced(rank: int, power: float):
    torch.manual_seed(0)
    model, x = Net(rank, power), torch.randn(4, 8)
    return model, lambda: model(x)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_factors_and_their_powers(power: float) -> None:
    factors = adapter_factors(*traced(4, power), NAMES)
    assert factors == pytest.approx({NAMES[0]: 8 / 4**power, NAMES[1]: 2 / 4**power}, rel=1e-3)
    powers = measured_powers(traced(4, power), traced(8, power), NAMES)
    assert powers == pytest.approx(dict.fromkeys(NAMES, -power), abs=2e-3)


def test_what_cannot_be_measured_is_left_out() -> None:
    model, run = traced(4, 1.0)
    assert adapter_factors(model, run, ["first.parts.B.bias_of_nothing"]).keys() <= {
        "first.parts.B.bias_of_nothing"
    }
    assert adapter_factors(model, run, ["weight_without_a_module"]) == {}
    assert not model.first._forward_hooks  # all hooks are gone


@pytest.mark.parametrize(("rslora", "power"), [(False, -1.0), (True, -0.5)])
def test_adapters_of_peft(rslora: bool, power: float) -> None:
    """PEFT: scaling = lora_alpha / r, and with rsLoRA lora_alpha / √r."""
    peft = pytest.importorskip("peft")

    def model(rank: int):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8))
        config = peft.LoraConfig(
            r=rank, lora_alpha=16, use_rslora=rslora, target_modules=["0", "2"]
        )
        adapted, x = peft.get_peft_model(net, config), torch.randn(4, 8)
        return adapted, lambda: adapted(x)

    base = model(4)
    names = [n for n, _ in base[0].named_parameters() if "lora_B" in n]
    assert len(names) == 2
    scaling = 16 / 4**-power
    assert adapter_factors(*base, names) == pytest.approx(dict.fromkeys(names, scaling), rel=1e-3)
    assert measured_powers(base, model(8), names) == pytest.approx(
        dict.fromkeys(names, power), abs=2e-3
    )
