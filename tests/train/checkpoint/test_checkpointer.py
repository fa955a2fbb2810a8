"""A trial that was cut off goes on in the middle, to the same last digit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mutransfer_cli.train.checkpoint import checkpointer as checkpoint
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from mutransfer_cli.train.schedule import Schedule
from mutransfer_cli.train.trial_result import Result
from tests.helpers.cuts import cut_trial
from tests.helpers.trials import GPT, MLP, changed_recipe, train_recipe

DROPOUT = """
import torch
def build(width, seed):
    return torch.nn.Sequential(
        torch.nn.Linear(16, width), torch.nn.BatchNorm1d(width), torch.nn.ReLU(),
        torch.nn.Dropout(0.5), torch.nn.Linear(width, 4))
"""


@pytest.fixture(params=["safetensors", "torch"])
def checkpointer(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Checkpointer:
    if request.param == "torch":
        monkeypatch.setattr(checkpoint, "find_spec", lambda name: None)
    return Checkpointer(tmp_path, "a recipe", "cpu", interval=0.0)


def same(a: Result, b: Result) -> bool:
    return (a.outcome, a.loss, a.curve) == (b.outcome, b.loss, b.curve)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_it_goes_on_in_the_middle(
    optimizer: str, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"optimizer__name": optimizer, "optimizer__momentum": 0.9 * (optimizer != "adamw")}
    recipe = changed_recipe(GPT if optimizer == "muon" else MLP, **changes)
    whole = train_recipe(recipe)
    cut_trial(8, recipe, checkpointer, monkeypatch)
    steps: list[int] = []
    lr_factor = Schedule.lr_factor
    monkeypatch.setattr(
        Schedule, "lr_factor", lambda s, at, of: (steps.append(at), lr_factor(s, at, of))[1]
    )
    assert same(train_recipe(recipe, checkpointer=checkpointer), whole)
    assert steps[0] == 8
    checkpointer.remove()
    assert not checkpointer.path.exists()


def test_dropout_and_running_means_too(
    checkpointer: Checkpointer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dropping.py").write_text(DROPOUT)
    monkeypatch.chdir(tmp_path)
    text = MLP.replace("{build: mlp}", '{build: "dropping:build"}').replace(", depth: 2", "")
    recipe = changed_recipe(text)
    whole = train_recipe(recipe)
    cut_trial(20, recipe, checkpointer, monkeypatch)
    torch.manual_seed(99)
    assert same(train_recipe(recipe, checkpointer=checkpointer), whole)


def test_what_cannot_be_trusted_is_left(
    checkpointer: Checkpointer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another trial's, another torch's, a torn file: the trial starts from its beginning."""
    recipe = changed_recipe(MLP)
    whole = train_recipe(recipe)
    cut_trial(8, recipe, checkpointer, monkeypatch)
    saved = checkpointer.path.read_bytes()
    other = Checkpointer(tmp_path, "another recipe", "cpu", interval=0.0)
    assert other.path != checkpointer.path
    other.path.write_bytes(saved)
    monkeypatch.setattr(torch, "__version__", "9.9")
    newer = Checkpointer(tmp_path, "a recipe", "cpu", interval=0.0)
    newer.path.write_bytes(saved)
    for broken in (b"", saved[:-7], saved[: len(saved) // 2], b"no tensors at all"):
        torn = Checkpointer(tmp_path, "torn", "cpu", interval=1e9)
        torn.path.write_bytes(broken)
        assert same(train_recipe(recipe, checkpointer=torn), whole)
    for other_version in (other, newer):
        other_version.interval = 1e9
        assert other_version.load() is None


def test_it_is_saved_when_it_is_due_and_when_asked(
    checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = changed_recipe(MLP)
    checkpointer.interval = 1e9
    train_recipe(recipe, checkpointer=checkpointer)
    assert not checkpointer.path.exists()
    monkeypatch.setattr(Checkpointer, "stop_requested", True)
    with pytest.raises(SystemExit):
        train_recipe(recipe, checkpointer=checkpointer)
    assert checkpointer.path.exists()


def test_a_full_disk_costs_the_checkpoint_alone(
    checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = changed_recipe(MLP)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write", full)
    assert train_recipe(recipe, checkpointer=checkpointer).outcome == "finished"


def test_a_run_directory_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    checkpointer = Checkpointer(run / "checkpoints" / "code", "identity", "cpu")
    checkpointer.save({"step": 1})
    assert not run.exists()
    run.mkdir()
    checkpointer.save({"step": 1})
    assert checkpointer.load() is not None
