"""What a trial costs, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.size import base_size
from mutransfer_cli.train.cost import measure_cost, training_flops
from tests.helpers.trials import GPT, MLP, changed_recipe


def test_cost_by_hand() -> None:
    recipe = changed_recipe(MLP)
    size = base_size(recipe)
    # forward 2, gradient of the weights 2, of the inputs 2 (not of the first matrix's: nobody asks)
    each = 2 * 3 * (2 * 256 + 64) + 2 * 2 * 256
    assert training_flops(ProxyFactory(recipe), size).value == each * 8 * 30
    assert training_flops(ProxyFactory(recipe), size).note is None
    cost = measure_cost(ProxyFactory(recipe), size)
    # 256 + 512 + 64 weights and 3·16 + 4 biases at 16 bytes, and some activations
    assert cost.bytes > (832 + 52) * 16


def test_cost_of_attention_by_hand() -> None:
    """4 sequences of 16 tokens, width 16, 2 blocks, heads of 8, vocabulary 256, 12 steps."""
    recipe = changed_recipe(GPT)
    tokens, width, vocabulary = 4 * 16, 16, 256
    matrices = 2 * (4 * width**2 + 2 * 4 * width**2) + width * vocabulary
    attention = 2 * 2 * 2 * 4 * 16**2 * width  # blocks; q·k and times v; 2; batch · T² · width
    # each product once forward and twice backward; what the causal mask saves is not taken off
    assert training_flops(ProxyFactory(recipe), base_size(recipe)).value == 12 * 3 * (
        2 * matrices * tokens + attention
    )


def test_a_model_that_looks_at_values_is_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "looking.py").write_text(
        "import torch\n"
        "class Looking(torch.nn.Linear):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x) if float(x.sum()) else x\n"
        "def build(width):\n"
        "    return torch.nn.Sequential(Looking(16, width), torch.nn.Linear(width, 4))\n"
    )
    monkeypatch.chdir(tmp_path)
    recipe = changed_recipe(
        MLP.replace("{build: mlp}", '{build: "looking:build"}').replace(", depth: 2", "")
    )
    found = training_flops(ProxyFactory(recipe), base_size(recipe))
    assert found.value == 6 * (256 + 64) * 8 * 30
    assert "meta device" in (found.note or "")


def test_a_readout_that_also_looks_at_its_input_absorbs_its_multiplier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A multiplier on its input would also change what it looks at: init and rate take it up."""
    (tmp_path / "looking_last.py").write_text(
        "import torch\n"
        "class Looking(torch.nn.Linear):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x) if float(x.sum()) else x\n"
        "def build(width):\n"
        "    return torch.nn.Sequential(torch.nn.Linear(16, width), Looking(width, 4))\n"
    )
    monkeypatch.chdir(tmp_path)
    recipe = changed_recipe(
        MLP.replace("{build: mlp}", '{build: "looking_last:build"}').replace(", depth: 2", "")
    )
    proxies = ProxyFactory(recipe)
    plan = proxies.plan(replace(base_size(recipe), width=128))
    assert not plan.sites
    assert training_flops(proxies, base_size(recipe)).value > 0
