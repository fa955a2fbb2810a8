"""A user's own callable: how it is called, and what it may not return."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from mutransfer_cli import plan
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.models.proxy import plan_for
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size

RECIPE = """
name: own
model: {{build: "{where}"}}
data: {{source: teacher, d_in: 6, d_out: 3}}
base: {{width: 8}}
"""
SIZE = Size(8, 2, 16, 200)
MODULE = """
import torch
from torch import nn

def mlp(width, depth=1, seed=None):
    assert depth == 2 and seed == 5
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))

def nothing(width):
    return {"width": width}

def needs(width, other):
    return nn.Linear(6, width)

def broken(width):
    raise ValueError("no such\\nlayer")

constant = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "their_model.py").write_text(MODULE)
    (tmp_path / "their_fault.py").write_text("import not_there_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("their_model", None)
    return "their_model"


def test_depth_and_seed_are_offered(module: str) -> None:
    recipe = loads(RECIPE.format(where=f"{module}:mlp")).recipe
    assert isinstance(build(recipe, SIZE, seed=5).model, nn.Sequential)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("not_a_module:f", "no module named 'not_a_module'"),
        ("their_fault:f", "no module named 'not_there_at_all'"),
        ("their_model:absent", "has no 'absent'"),
        ("their_model:constant", "is a int, expected a callable"),
        ("their_model:nothing", "returned a dict, expected a torch.nn.Module"),
        ("their_model:needs", "missing a required argument: 'other'"),
        ("their_model:broken", r"their_model\.py:\d+: ValueError: no such layer"),
    ],
)
def test_what_is_wrong_with_a_callable_is_one_line(module: str, where: str, message: str) -> None:
    recipe = loads(RECIPE.format(where=where)).recipe
    with pytest.raises(InputError, match=message) as caught:
        build(recipe, SIZE)
    assert "\n" not in str(caught.value)


def test_a_model_that_does_not_fit_the_data(module: str) -> None:
    text = RECIPE.format(where="their_model:mlp").replace("d_in: 6", "d_in: 7")
    recipe = loads(text + "roles: []\n").recipe
    with pytest.raises(InputError):
        plan_for(recipe, SIZE)


def test_library_plan() -> None:
    def make(width: int) -> nn.Module:
        return nn.Sequential(
            nn.Embedding(256, width), nn.Linear(width, width), nn.Linear(width, 256)
        )

    made = plan(
        make,
        base={"width": 16},
        target={"width": 64},
        optimizer={"name": "adamw", "lr": 0.01},
        readout="absorbed",
    )
    assert [t.role for t in made.tensors if t.name.endswith("weight")] == [
        "input",
        "hidden",
        "readout",
    ]
    assert made.tensor("1.weight").lr == pytest.approx(0.0025)
    model = make(64)
    made.initialize(model)
    made.install(model)
    (optimizer,) = made.optimizers(model)
    model(torch.zeros(1, 2, dtype=torch.int64)).sum().backward()
    optimizer.step()
    with pytest.raises(InputError, match="unknown rule 'read'"):
        plan(make, base={"width": 16}, target={"width": 64}, optimizer={}, read=1)


def test_what_ends_a_branch_of_the_built_in_models() -> None:
    text = """
name: ends
model: {build: gpt, args: {vocab_size: 256, head_dim: 16}}
init: {residual: gpt2, std: 0.1}
data: {source: stdlib, seq_len: 16}
base: {width: 32, depth: 2, batch: 4, steps: 5}
ladder: {width: [32, 64]}
"""
    made = loads(text).recipe
    ends = {f"blocks.{i}.{name}.weight" for i in (0, 1) for name in ("attention.out", "mlp.down")}
    assert family_for(made).ends == ends
    # GPT-2: output projections by 1/√(2·depth), of the model's own depth
    found = {t.name: t.init_std for t in plan_for(made, Size(32, 8, 4, 5)).tensors}
    assert found["blocks.3.mlp.down.weight"] == pytest.approx(0.1 / 4)
    assert found["blocks.3.mlp.up.weight"] == pytest.approx(0.1)
    text = text.replace("build: gpt, args: {vocab_size: 256, head_dim: 16}", "build: convnet")
    text = text.replace("source: stdlib, seq_len: 16", "source: teacher, d_in: 16, d_out: 3")
    assert family_for(loads(text).recipe).ends == {"blocks.0.out.weight", "blocks.1.out.weight"}
