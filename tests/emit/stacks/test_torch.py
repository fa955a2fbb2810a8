"""Format torch: it needs torch alone and trains as the plan itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mutransfer_cli import load_plan
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.models.builder import build
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from tests.helpers.emit_recipes import small_recipe
from tests.helpers.emitted_training import imported


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
    path = small_recipe(tmp_path, tied, name)
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
    text = scale(small_recipe(tmp_path), width=64, format="torch").text()
    imports = [line for line in text.splitlines() if line.startswith(("import", "from"))]
    assert imports == ["import hashlib", "import torch"]
