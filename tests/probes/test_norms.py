"""The norms probe under rules that keep the readout's size, and under those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.probe_run import run_probe
from mutransfer_cli.probes.subject.trained_norms import alignments, equilibrium_rotation
from mutransfer_cli.probes.subject.trainee import Trainee
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.norms.tensor_norms import update_norms

RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.0}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 32, depth: 1, batch: 32, steps: 30}
ladder: {width: [32, 64, 128, 256]}
search: {seeds: 2, extend: 0, space: {lr: {log2: [-7, -6], step: 1.0}}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def test_the_readout_keeps_its_size_under_mup_only(recipe: Path) -> None:
    """Multiplier × readout: rows of √n entries of order 1, times √n, over n: order 1 under muP."""
    mup = run_probe("norms", str(recipe))
    assert mup.verdict == "pass", mup.reason
    readout = mup.measures[0]
    assert readout.estimate.value == pytest.approx(0.0, abs=0.1)
    sp = run_probe("norms", str(recipe), ("parameterization=sp",))
    assert sp.verdict == "fail", sp.reason
    aligned = [m for m in mup.measures if m.name.endswith("alignment")]
    assert {m.at["tensor"] for m in aligned} >= {"hidden.0.weight"}


def test_a_readout_with_one_output_is_the_one_that_is_measured(recipe: Path) -> None:
    """Of a regression; with the last hidden matrix in its place, muP would seem to fall."""
    sets = (
        "model={build: 'recipes.ladders.regression:build'}",
        "init={from: fan_in}",
        "optimizer={name: adamw, lr: 0.002, weight_decay: 0.0}",
    )
    mup = run_probe("norms", str(recipe), sets)
    assert mup.verdict == "pass", mup.reason
    sp = run_probe("norms", str(recipe), (*sets, "parameterization=sp"))
    assert sp.verdict == "fail", sp.reason
    assert sp.measures[0].estimate.value == pytest.approx(0.5, abs=0.2)  # √n rows of norm 1


def test_a_sweep_keeps_its_norms(recipe: Path, tmp_path: Path) -> None:
    sweep(load(recipe, []), tmp_path / "run")
    records = Run.open(tmp_path / "run").records
    assert all(r.norms["readout norm"] > 0 for r in records)
    assert all(r.norms["rotation hidden.0.weight"] > 0 for r in records)
    document = run_probe("norms", str(tmp_path / "run"))
    assert document.verdict in ("pass", "inconclusive")
    assert document.measures[0].estimate.low is not None


def test_a_ladder_of_depths(recipe: Path, tmp_path: Path) -> None:
    """From a recipe and from a run; tensors that only deep models have are left out."""
    depths = ("ladder={depth: [1, 2, 4]}", "base.steps=20")
    document = run_probe("norms", str(recipe), depths)
    assert document.measures[0].name == "exponent of the depth: readout norm"
    assert "depth^" in document.reason
    tensors = {m.at.get("tensor") for m in document.measures}
    assert "hidden.0.weight" in tensors and "hidden.3.weight" not in tensors
    sweep(load(recipe, [*depths, "search.seeds=1"]), tmp_path / "run")
    of_run = run_probe("norms", str(tmp_path / "run"))
    assert of_run.measures[0].name == "exponent of the depth: readout norm"
    assert {x for s in of_run.series for x in s.x} == {1.0, 2.0, 4.0}


def test_alignment_by_hand() -> None:
    """An update u xᵀ is fully aligned with its input x, and not at all with one across it."""
    model = torch.nn.Linear(2, 2, bias=False)
    x = torch.tensor([[3.0, 4.0]])
    trainee = Trainee(
        model=model,
        optimizer=None,
        loss=lambda m, batch: m(batch).sum(),
        batch=lambda i: x,
        step=lambda i: 0.0,
        steps=1,
        roles={},
    )
    along = torch.tensor([[1.0], [2.0]]) @ x
    across = torch.tensor([[1.0], [2.0]]) @ torch.tensor([[4.0, -3.0]])
    assert alignments(trainee, {"weight": along})["alignment weight"] == pytest.approx(1.0)
    assert alignments(trainee, {"weight": across})["alignment weight"] == pytest.approx(0, abs=1e-6)


def test_too_few_widths(recipe: Path) -> None:
    with pytest.raises(InputError, match="at least 3 widths, found 2"):
        run_probe("norms", str(recipe), ("ladder.width=[32, 64]",))


@pytest.mark.parametrize("kind", ["adamw", "adamw without momentum", "sgd", "heavy ball"])
def test_rotation_in_equilibrium(kind: str) -> None:
    """Random gradients, of length 1/|w| for SGD as where only the direction of weights matters.

    √(2ηλ), which was expected of AdamW's steps, is 4.4 times as much at β₁ = 0.9.
    """
    torch.manual_seed(0)
    weights = torch.nn.Parameter(torch.randn(40, 50))
    decay, momentum = {"lr": 0.05, "weight_decay": 0.5}, {"heavy ball": 0.8}.get(kind, 0.0)
    optimizer: torch.optim.Optimizer = torch.optim.SGD([weights], **decay, momentum=momentum)
    if kind.startswith("adamw"):
        betas = (0.0 if "without" in kind else 0.9, 0.99)
        optimizer = torch.optim.AdamW([weights], **decay, betas=betas)
    angles = []
    for step in range(600):
        before = weights.detach().clone()[None]
        scale = 1.0 if kind.startswith("adamw") else float(1 / before.norm())
        weights.grad = scale * torch.randn(40, 50)
        optimizer.step()
        if step >= 400:
            norms = update_norms({"w": before}, {"w": weights.detach()[None]})[0]
            angles.append(norms["rotation w"])
    found = equilibrium_rotation(optimizer, optimizer.param_groups[0])
    assert found is not None and found[1] < 200
    mean = sum(angles) / len(angles)
    assert mean == pytest.approx(found[0], rel=0.05)
    if kind == "adamw":
        assert mean < 0.3 * (2 * 0.05 * 0.5) ** 0.5  # the control
