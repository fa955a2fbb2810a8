"""A recipe's model at a size."""

from __future__ import annotations

import torch
from torch import nn

from mutransfer_cli.models.builder import build
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size

TEXT = """
name: b
model: {build: mlp, width: {d_hidden: 2}}
data: {source: teacher, d_in: 6, d_out: 3}
base: {width: 8, depth: 2}
ladder: {width: [16]}
"""


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.shape) for name, p in model.named_parameters() if p.dim() > 1}


def test_arguments_follow_the_sizes_and_the_data() -> None:
    text = TEXT.replace(", width: {d_hidden: 2}", "")
    assert shapes(build(loads(text).recipe, Size(16, 2, 4, 5)).model) == {
        "input.weight": (16, 6),
        "hidden.0.weight": (16, 16),
        "hidden.1.weight": (16, 16),
        "readout.weight": (3, 16),
    }


def test_a_multiple_of_the_width() -> None:
    model = build(loads(TEXT).recipe, Size(16, 1, 4, 5)).model
    assert shapes(model)["input.weight"] == (32, 6)


def test_the_seed_makes_the_weights() -> None:
    recipe, size = loads(TEXT).recipe, Size(16, 1, 4, 5)
    one, same, other = (build(recipe, size, seed).model for seed in (1, 1, 2))
    weights = [next(model.parameters()) for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
