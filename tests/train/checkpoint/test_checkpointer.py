"""A trial that was cut off goes on in the middle, to the same last digit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import base_size
from mutransfer_cli.train import trial
from mutransfer_cli.train.checkpoint import checkpointer as checkpoint
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from mutransfer_cli.train.trial import Result, train
from tests.train.test_trial import GPT, MLP, made

DROPOUT = """
import torch
def build(width, seed):
    return torch.nn.Sequential(
        torch.nn.Linear(16, width), torch.nn.BatchNorm1d(width), torch.nn.ReLU(),
        torch.nn.Dropout(0.5), torch.nn.Linear(width, 4))
"""


class Cut(Exception):
    """Stands for the kill."""


@pytest.fixture(params=["safetensors", "torch"])
def keeper(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Checkpointer:
    if request.param == "torch":
        monkeypatch.setattr(checkpoint, "find_spec", lambda name: None)
    return Checkpointer(tmp_path, "a recipe", "cpu", every=0.0)


def cut_at(
    step: int, recipe: Recipe, keeper: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train until the batch of a step is asked for, and no further."""
    feed_of = trial.data_stream

    def feed(*arguments: object) -> trial.DataStream:
        whole = feed_of(*arguments)  # type: ignore[arg-type]

        def batch(at: int) -> object:
            if at == step:
                raise Cut
            return whole.batch(at)

        return trial.DataStream(batch, whole.validation)

    with monkeypatch.context() as patched, pytest.raises(Cut):
        patched.setattr(trial, "data_stream", feed)
        train(recipe, base_size(recipe), 0, keeper=keeper)


def same(a: Result, b: Result) -> bool:
    return (a.outcome, a.loss, a.curve) == (b.outcome, b.loss, b.curve)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_it_goes_on_in_the_middle(
    optimizer: str, keeper: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"optimizer__name": optimizer, "optimizer__momentum": 0.9 * (optimizer != "adamw")}
    recipe = made(GPT if optimizer == "muon" else MLP, **changes)
    whole = train(recipe, base_size(recipe), 0)
    cut_at(8, recipe, keeper, monkeypatch)
    steps: list[int] = []
    schedule = trial.Schedule.__call__
    monkeypatch.setattr(
        trial.Schedule, "__call__", lambda s, at, of: (steps.append(at), schedule(s, at, of))[1]
    )
    assert same(train(recipe, base_size(recipe), 0, keeper=keeper), whole)
    assert steps[0] == 8
    keeper.remove()
    assert not keeper.path.exists()


def test_dropout_and_running_means_too(
    keeper: Checkpointer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dropping.py").write_text(DROPOUT)
    monkeypatch.chdir(tmp_path)
    text = MLP.replace("{build: mlp}", '{build: "dropping:build"}').replace(", depth: 2", "")
    recipe = made(text)
    whole = train(recipe, base_size(recipe), 0)
    cut_at(20, recipe, keeper, monkeypatch)
    torch.manual_seed(99)
    assert same(train(recipe, base_size(recipe), 0, keeper=keeper), whole)


def test_what_cannot_be_trusted_is_left(
    keeper: Checkpointer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another trial's, another torch's, a torn file: the trial starts from its beginning."""
    recipe = made(MLP)
    whole = train(recipe, base_size(recipe), 0)
    cut_at(8, recipe, keeper, monkeypatch)
    saved = keeper.path.read_bytes()
    other = Checkpointer(tmp_path, "another recipe", "cpu", every=0.0)
    assert other.path != keeper.path
    other.path.write_bytes(saved)
    monkeypatch.setattr(torch, "__version__", "9.9")
    newer = Checkpointer(tmp_path, "a recipe", "cpu", every=0.0)
    newer.path.write_bytes(saved)
    for broken in (b"", saved[:-7], saved[: len(saved) // 2], b"no tensors at all"):
        torn = Checkpointer(tmp_path, "torn", "cpu", every=1e9)
        torn.path.write_bytes(broken)
        assert same(train(recipe, base_size(recipe), 0, keeper=torn), whole)
    for keeper_ in (other, newer):
        keeper_.every = 1e9
        subject = torch.nn.Linear(1, 1)
        assert keeper_.resume(subject, torch.optim.SGD(subject.parameters())) is None


def test_it_is_saved_when_it_is_due_and_when_asked(
    keeper: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = made(MLP)
    keeper.every = 1e9
    train(recipe, base_size(recipe), 0, keeper=keeper)
    assert not keeper.path.exists()
    monkeypatch.setattr(Checkpointer, "stop_requested", True)
    with pytest.raises(SystemExit):
        train(recipe, base_size(recipe), 0, keeper=keeper)
    assert keeper.path.exists()


def test_a_full_disk_costs_the_checkpoint_alone(
    keeper: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = made(MLP)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write", full)
    assert train(recipe, base_size(recipe), 0, keeper=keeper).outcome == "finished"
