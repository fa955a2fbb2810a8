"""A trial is repeatable, the same for both parameterizations at the base, and may diverge."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.recipe.load import loads, override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, base_size
from mutransfer_cli.train.cost import measure_cost, training_flops
from mutransfer_cli.train.trial import train

GPT = """
name: t
model: {build: gpt, args: {vocab_size: 256, head_dim: 8}}
optimizer: {name: adamw, lr: 0.01, eps: 1.0e-8, weight_decay: 0.1}
init: {residual: gpt2}
clip: 1.0
data: {source: stdlib, seq_len: 16}
base: {width: 16, depth: 2, batch: 4, steps: 12}
ladder: {width: [16, 32]}
"""
MLP = """
name: t
model: {build: mlp}
optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 16, depth: 2, batch: 8, steps: 30}
"""


def made(text: str, **changes: object) -> Recipe:
    return override(loads(text).recipe, {k.replace("__", "."): v for k, v in changes.items()})


@pytest.mark.parametrize("text", [GPT, MLP], ids=["gpt", "mlp"])
@pytest.mark.parametrize("readout", ["multiplier", "absorbed"])
def test_mup_and_sp_are_the_same_at_the_base(text: str, readout: str) -> None:
    curves = []
    for parameterization in ("mup", "sp"):
        recipe = made(text, parameterization=parameterization, rules__readout=readout)
        curves.append(train(recipe, base_size(recipe), seed=1))
    assert curves[0].curve == curves[1].curve
    assert curves[0].loss == curves[1].loss


def test_they_differ_elsewhere() -> None:
    losses = [
        train(made(GPT, parameterization=p), Size(32, 2, 4, 12), seed=1).loss for p in ("mup", "sp")
    ]
    assert losses[0] != losses[1]


def test_a_trial_is_repeatable_and_its_seed_matters() -> None:
    recipe = made(MLP)
    size = base_size(recipe)
    first, again, other = (train(recipe, size, seed=s) for s in (0, 0, 1))
    assert first.outcome == "finished"
    assert first.curve == again.curve and first.loss == again.loss
    assert first.curve != other.curve
    assert first.loss is not None and first.loss < first.curve[0][1]


def test_divergence_is_an_outcome() -> None:
    result = train(made(MLP, optimizer__lr=1e6), Size(16, 2, 8, 30), seed=0)
    assert result.outcome == "diverged"
    assert result.loss is None
    assert result.why


def test_timeout_is_a_failed_trial() -> None:
    result = train(made(MLP, search__timeout=1e-6), Size(16, 2, 8, 30), seed=0)
    assert result.outcome == "failed"
    assert "search.timeout" in (result.why or "")


def test_cost_by_hand() -> None:
    recipe = made(MLP)
    size = base_size(recipe)
    # forward 2, gradient of the weights 2, of the inputs 2 (not of the first matrix's: nobody asks)
    each = 2 * 3 * (2 * 256 + 64) + 2 * 2 * 256
    assert training_flops(recipe, size).value == each * 8 * 30
    assert training_flops(recipe, size).note is None
    cost = measure_cost(recipe, size)
    # 256 + 512 + 64 weights and 3·16 + 4 biases at 16 bytes, and some activations
    assert cost.bytes > (832 + 52) * 16


def test_cost_of_attention_by_hand() -> None:
    """4 sequences of 16 tokens, width 16, 2 blocks, heads of 8, vocabulary 256, 12 steps."""
    recipe = made(GPT)
    tokens, width, vocabulary = 4 * 16, 16, 256
    matrices = 2 * (4 * width**2 + 2 * 4 * width**2) + width * vocabulary
    attention = 2 * 2 * 2 * 4 * 16**2 * width  # blocks; q·k and times v; 2; batch · T² · width
    # each product once forward and twice backward; what the causal mask saves is not taken off
    assert training_flops(recipe, base_size(recipe)).value == 12 * 3 * (
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
        "    return torch.nn.Sequential(torch.nn.Linear(16, width), Looking(width, 4))\n"
    )
    monkeypatch.chdir(tmp_path)
    recipe = made(MLP.replace("{build: mlp}", '{build: "looking:build"}').replace(", depth: 2", ""))
    found = training_flops(recipe, base_size(recipe))
    assert found.value == 6 * (256 + 64) * 8 * 30
    assert "meta device" in (found.note or "")
