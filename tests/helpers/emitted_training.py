"""Emitted files as a user loads them, trained next to the plan that the library applies."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Plan
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.models.builder import build
from mutransfer_cli.plans.loading import plan_of
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from tests.helpers.emit_recipes import LLAMA

STEPS, LENGTH = 50, 16
WIDTHS = (64, 128)
MODELS = {
    "llama": {},
    "llama-tied": {"tie_word_embeddings": True},
    "granite": {"model_type": "granite", "attention_multiplier": 0.25},
    "granite-own": {
        "model_type": "granite", "attention_multiplier": 0.1, "embedding_multiplier": 3.0,
        "logits_scaling": 2.0, "residual_multiplier": 0.5, "tie_word_embeddings": True,
    },
}  # fmt: skip
RECIPE = """
name: t
model: {build: 'hf:CONFIG'}
parameterization: PARAM
optimizer: {name: adamw, lr: 0.01, betas: [0.9, 0.95], eps: 1.0e-8, weight_decay: 0.1}
init: INIT
multipliers: {embedding: 4.0, logit: 3.0}
clip: CLIP
schedule: {name: linear, warmup: 0.1}
data: {source: stdlib, seq_len: 16}
base: {width: 64, depth: 2, batch: 4, steps: 50}
"""


def training_recipe(
    folder: Path, model: dict[str, Any], clip: str = "null", init: str = "{}", param: str = "mup"
) -> Path:
    """A Hugging Face model, written to a folder with its config."""
    config = folder / "model.json"
    config.write_text(json.dumps({**LLAMA, "hidden_size": 128, **model}))
    path = folder / "r.yaml"
    text = RECIPE.replace("CONFIG", str(config)).replace("CLIP", clip).replace("INIT", init)
    path.write_text(text.replace("PARAM", param))
    return path


def imported(path: Path) -> ModuleType:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def module_of(folder: Path, result: EmitResult, name: str) -> ModuleType:
    """The emitted Python file, imported as a user would."""
    result.write(folder / name)
    path = next((folder / name).glob("*.py")) if (folder / name).is_dir() else folder / name
    return imported(path)


def batches() -> list[Tensor]:
    """Four batches of tokens."""
    stream = torch.Generator().manual_seed(5)
    return [torch.randint(0, 256, (4, LENGTH), generator=stream) // 4 for _ in range(4)]


def loss_of(model: nn.Module, x: Tensor) -> Tensor:
    """Next-token cross entropy of a model that returns logits, or an object with them."""
    logits = model(x)
    logits = logits if isinstance(logits, Tensor) else logits.logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), x[:, 1:].flatten())


def curve(model: nn.Module, optimizer: torch.optim.Optimizer, clip: float | None) -> list[float]:
    """The losses of STEPS steps in double precision."""
    data, losses = batches(), []
    model.double()
    for step in range(STEPS):
        loss = loss_of(model, data[step % 4])
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


def same(losses: list[float], expected: list[float]) -> bool:
    """To rounding, which 50 steps on four batches amplify."""
    return losses == pytest.approx(expected, rel=1e-8)


def applied_plan(path: Path, width: int, depth: int = 2) -> tuple[Plan, nn.Module]:
    """The plan of `--format json`, applied by the library."""
    plan = plan_of(scale(path, width=width, depth=depth).document)
    model = build(load(path).recipe, Size(width, depth, 4, STEPS)).model
    plan.initialize(model, 0)
    plan.install(model)
    return plan, model
