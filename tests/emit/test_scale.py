"""Emitted configurations: accepted as they are, and the same training as the plan itself."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from mutransfer_cli import load_plan
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size

RECIPE = """
name: t
model: {build: gpt, args: {vocab_size: 256, n_head: 2, tied: TIED}}
optimizer: {name: OPT, lr: 0.01, betas: [0.8, 0.9], weight_decay: DECAY}
clip: 1.0
data: {source: stdlib, seq_len: 8}
base: {width: 16, depth: 1, batch: 4, steps: 10}
"""


def recipe(folder: Path, tied: str = "false", name: str = "adamw", decay: str = "0.1") -> Path:
    path = folder / "r.yaml"
    text = RECIPE.replace("TIED", tied).replace("OPT", name).replace("DECAY", decay)
    path.write_text(text if name != "sgd" else text.replace("betas: [0.8, 0.9]", "momentum: 0.9"))
    return path


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def losses(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[float]:
    x = torch.randint(0, 256, (4, 8), generator=torch.Generator().manual_seed(0))
    found = []
    for _ in range(4):
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), x.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize("tied", ["false", "true"])
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_both_formats_train_as_the_plan(tmp_path: Path, tied: str, name: str) -> None:
    path = recipe(tmp_path, tied, name)
    found = {}
    for kind in ("json", "torch"):
        (tmp_path / kind).write_text(scale(path, width=64, format=kind).text())
        model = build(load(path).recipe, Size(64, 1, 4, 10)).model
        if kind == "json":
            plan = load_plan(tmp_path / kind)
            plan.initialize(model, 3)
            plan.install(model)
            found[kind] = losses(model, plan.optimizers(model)[0])
        else:
            (tmp_path / kind).rename(tmp_path / "emitted.py")
            module = imported(tmp_path / "emitted.py")
            module.initialize(model, 3)
            module.install(model)
            found[kind] = losses(model, module.optimizer(model))
            assert module.CLIP == 1.0
            with pytest.raises(ValueError, match="installed before"):
                module.install(model)
            with pytest.raises(ValueError, match="expected"):
                module.initialize(build(load(path).recipe, Size(32, 1, 4, 10)).model)
    assert found["json"] == found["torch"]


def test_torch_file_needs_torch_alone(tmp_path: Path) -> None:
    text = scale(recipe(tmp_path), width=64, format="torch").text()
    imports = [line for line in text.splitlines() if line.startswith(("import", "from"))]
    assert imports == ["import hashlib", "import torch"]


def test_document_by_hand(tmp_path: Path) -> None:
    values = json.loads(scale(recipe(tmp_path), width=64).text())
    assert next(iter(values)) == "schema"
    assert values["multipliers"] == {"width": 4.0, "depth": 1.0, "batch": 1.0, "duration": 1.0}
    assert values["form"] == "multiplier"
    # two heads of 8 at the base, of 32 at the target: √8 / 32; the logits times 1/4
    assert values["forward"]["attention_scale"] == pytest.approx(8**0.5 / 32)
    assert values["forward"]["logit_scale"] == 0.25
    tensors = {t["name"]: t for t in values["tensors"]}
    assert tensors["blocks.0.mlp.up.weight"]["lr"] == pytest.approx(0.0025)
    assert tensors["blocks.0.mlp.up.weight"]["weight_decay"] == pytest.approx(0.4)
    assert tensors["blocks.0.mlp.down.weight"]["init_std"] == pytest.approx((4 * 64) ** -0.5)
    assert values["prediction"] is None


def test_set_goes_before_the_recipe(tmp_path: Path) -> None:
    found = scale(recipe(tmp_path), width=64, sets=["lr=0.5"])
    assert found.document.hyperparameters["lr"] == 0.5


def test_missing_source_and_axes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none"):
        scale(tmp_path / "none.yaml", width=64)
    with pytest.raises(InputError, match="--depth"):
        scale(recipe(tmp_path), width=64, depth=0)
    with pytest.raises(InputError, match="--width"):
        scale(recipe(tmp_path), width=65)
