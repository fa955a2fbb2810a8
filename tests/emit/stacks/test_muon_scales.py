"""Files of Muon plans name the target's own convention, or convert rate and decay to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mutransfer_cli import InputError, load_plan
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.models.builder import build
from mutransfer_cli.plans.multi_optimizer import as_one_optimizer
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from tests.helpers.emitted_training import imported

if not hasattr(torch.optim, "Muon"):
    pytest.skip("torch has Muon since 2.9", allow_module_level=True)

RECIPE = """
name: t
model: {build: gpt, args: {vocab_size: 256, head_dim: 8}}
data: {source: stdlib, seq_len: 8}
optimizer: {name: muon, lr: 0.02, adjust_lr: NAME, adamw_lr: 0.01, weight_decay: 0.1}
base: {width: 16, depth: 1, batch: 4, steps: 10}
ladder: {width: [16, 32]}
"""
UP = "blocks.0.mlp.up.weight"  # (64, 16) at the base, (256, 64) at the target


def recipe(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.replace("NAME", name))
    return path


@pytest.mark.parametrize(
    ("name", "quoted", "in_torch", "own_name"),  # rates of UP, by hand
    [
        ("original", 0.02, 0.02, None),  # √max(1, 64/16) = 2 at both sizes
        ("moonlight", 0.01, 0.01, "match_rms_adamw"),  # √64 to √256: twice, so half the rate
        ("spectral", 0.01, 0.01 * 16 / 2, None),  # × √256, over torch's own factor 2
        ("none", 0.02, 0.01, None),  # over torch's own factor 2
    ],
)
def test_rates_in_the_plan_and_in_torch_s_convention(
    tmp_path: Path, name: str, quoted: float, in_torch: float, own_name: str | None
) -> None:
    path = recipe(tmp_path, name)
    document = json.loads(scale(path, width=64, format="json").text())
    planned = next(t for t in document["tensors"] if t["name"] == UP)
    assert document["adjust_lr"] == name and planned["lr"] == pytest.approx(quoted)
    emitted = tmp_path / "emitted.py"
    emitted.write_text(scale(path, width=64, format="torch").text())
    options = imported(emitted).TENSORS[UP]["options"]
    assert options["lr"] == pytest.approx(in_torch)
    assert options["lr"] * options["weight_decay"] == pytest.approx(0.02 * 0.1)
    assert options.get("adjust_lr_fn") == own_name


@pytest.mark.parametrize("name", ["moonlight", "spectral", "dion"])
def test_the_file_trains_as_the_plan(tmp_path: Path, name: str) -> None:
    path = recipe(tmp_path, name)
    (tmp_path / "plan.json").write_text(scale(path, width=64, format="json").text())
    (tmp_path / "emitted.py").write_text(scale(path, width=64, format="torch").text())
    plan, module = load_plan(tmp_path / "plan.json"), imported(tmp_path / "emitted.py")
    x = torch.randint(0, 256, (4, 8), generator=torch.Generator().manual_seed(0))
    found = []
    for prepared in (plan, module):
        model = build(load(path).recipe, Size(64, 1, 4, 10)).model
        prepared.initialize(model, 3)
        prepared.install(model)
        optimizer = as_one_optimizer(prepared.optimizers(model))
        losses = []
        for _ in range(4):
            loss = torch.nn.functional.cross_entropy(model(x).flatten(0, 1), x.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        found.append(losses)
    assert found[0] == found[1]


def test_formats_without_muon_refuse_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not support the optimizer muon"):
        scale(recipe(tmp_path, "spectral"), width=64, format="cerebras")
