"""The built-in gpt under u-muP."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import pytest
import torch
from torch import nn

from mutransfer_cli import plan
from mutransfer_cli.coordcheck.entry import check_target
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builtin.gpt import GPT
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from tests.helpers.proxies import proxy

TEXT = """
name: unit
model: {build: gpt, args: {vocab_size: 256, head_dim: 16}}
parameterization: umup
optimizer: {name: adamw, lr: 0.5, betas: [0.9, 0.95], eps: 1.0e-10, weight_decay: 0.0}
data: {source: stdlib, seq_len: 16}
base: {width: 64, depth: 2, batch: 8, steps: 20}
ladder: {width: [32, 64]}
"""


def test_forward_is_the_published_one() -> None:
    subject = proxy(loads(TEXT).recipe, Size(64, 2, 8, 20), seed=0)
    model = subject.model
    assert isinstance(model, GPT)
    tokens = torch.arange(16).view(1, -1)
    with torch.no_grad():
        x = model.token(tokens) + model.position(torch.arange(16))
        earlier = 0.0
        for block in model.blocks:
            branches = (block.norm1, block.attention), (block.norm2, block.mlp)
            for norm, branch in branches:
                # u-muP eq. for the residual with both ratios 1 and L = 2 layers:
                # tau² = 1/(L + how many branches came before, in halves of a layer)
                tau = sqrt(1 / (2 + earlier))
                x = (x + tau * branch(norm(x))) / sqrt(1 + tau**2)
                earlier += 1.0
        wanted = nn.functional.linear(model.norm(x), model.readout.weight) / 64
        torch.testing.assert_close(model(tokens), wanted, rtol=2e-5, atol=2e-6)
        down = model.blocks[0].mlp.down  # unit weights, 1/√fan_in
        assert float(down.weight.std()) == pytest.approx(1.0, rel=0.02)
        assert float(down(torch.randn(512, 256)).std()) == pytest.approx(1.0, rel=0.05)
    assert model.blocks[0].attention.attention_scale == 1 / 16


def test_check_passes_and_notices_a_missing_multiplier(tmp_path: Path) -> None:
    path = tmp_path / "unit.yaml"
    path.write_text(TEXT)
    assert check_target(str(path)).passed
    path.write_text(TEXT.replace("lr: 0.5", "lr: 0.01"))
    assert not check_target(str(path), expect="sp").passed


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("name: adamw", "name: sgd", "umup is trained with adamw or adam here"),
        ("head_dim: 16", "head_dim: 16, tied: true", "untied readout"),
        ("head_dim: 16", "head_dim: 16, bias: true", "no biases"),
        ("parameterization: umup", "parameterization: mup", ""),
    ],
)
def test_what_has_no_unit_scaled_form(old: str, new: str, line: str) -> None:
    recipe = loads(TEXT.replace(old, new)).recipe
    if not line:
        proxy(recipe, Size(64, 2, 8, 20), seed=0)
        return
    with pytest.raises(InputError, match=line):
        proxy(recipe, Size(64, 2, 8, 20), seed=0)


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(5, width), nn.Linear(width, width)
        self.readout = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.readout(torch.relu(self.hidden(torch.relu(self.first(x)))))
        return y


def test_other_models_get_no_half_of_it() -> None:
    """Unit init without 1/√fan_in behind it: a loss that explodes, or a check that blames it."""
    batch = (torch.randn(4, 5), torch.zeros(4, dtype=torch.long))
    planned = plan(
        Net, base={"width": 16}, target={"width": 32}, optimizer={"name": "adamw", "lr": 0.01},
        parameterization="umup", batch=batch,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"umup multiplies hidden.weight by 0.1768 in the forward"):
        planned.install(Net(32))  # 1/√32
