"""Models and losses that probes cannot measure as they are: one line each, or a note."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.documents.probe import ProbeDocument
from tests.helpers.commands import run

MODELS = """
import torch
from torch import nn
from mutransfer_cli import Subject

class Once(torch.autograd.Function):  # the square, whose gradient torch cannot differentiate
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad

squared = lambda m, b: ((m(b[0]) - b[1]) ** 2).mean()

def subject(width, seed, middle, loss=squared, scale=1.0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, width), middle, nn.Tanh(), nn.Linear(width, 1))
    def batch(seed):
        x = scale * torch.randn(16, 4, generator=torch.Generator().manual_seed(seed))
        return x, x[:, :1]
    return Subject(model, torch.optim.SGD(model.parameters(), lr=0.2 / width), loss, batch)

def plain(width, seed=0):
    return subject(width, seed, nn.Identity())
def once(width, seed=0):
    return subject(width, seed, nn.Identity(), lambda m, b: Once.apply(m(b[0]) - b[1]).mean())
def dropout(width, seed=0):
    return subject(width, seed, nn.Dropout(0.1))
def batch_norm(width, seed=0):
    return subject(width, seed, nn.BatchNorm1d(width))
def not_finite(width, seed=0):
    return subject(width, seed, nn.Identity(), lambda m, b: squared(m, b) * float("nan"))
def detached(width, seed=0):
    return subject(width, seed, nn.Identity(), lambda m, b: squared(m, b).detach())
def frozen(width, seed=0):
    made = subject(width, seed, nn.Identity())
    return Subject(made.model.requires_grad_(False), made.optimizer, made.loss, made.batch)
def flat(width, seed=0):
    return subject(width, seed, nn.Identity(), lambda m, b: m(b[0]).floor().mean())
def full_batch(width, seed=0):
    made = subject(width, seed, nn.Identity())
    data = made.batch(0)
    return Subject(made.model, made.optimizer, made.loss, lambda seed: data)
def straight(width, seed=0):
    model = nn.Linear(4, width, bias=False)
    loss = lambda m, b: m(b[0]).mean()
    return Subject(model, torch.optim.SGD(model.parameters(), lr=0.1), loss, plain(8).batch)
def fixed(width, seed=0):
    made = plain(width, seed)
    made.model[0].requires_grad_(False)
    last = torch.optim.SGD(made.model[-1].parameters(), lr=0.2 / width)
    return Subject(made.model, last, made.loss, made.batch)
def one_size(width, seed=0):
    return plain(64, seed)
def ascending(width, seed=0):
    made = plain(width, seed)
    up = torch.optim.SGD(made.model.parameters(), lr=0.01, maximize=True)
    return Subject(made.model, up, made.loss, made.batch)
def no_optimizer(width, seed=0):
    made = subject(width, seed, nn.Identity())
    return Subject(made.model, None, made.loss, made.batch)
"""
TRAINED = [row.name for row in PROBES if "callable" in row.takes]
RECIPE = """
name: x
model: {build: mlp}
optimizer: {name: sgd, lr: 0.1}
data: {source: teacher, d_in: 8, d_out: 2}
base: {width: 16, depth: 1, batch: 8, steps: 10}
ladder: {width: [16, 32]}
"""


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hard_models.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))


def error_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a command that is refused."""
    assert run("probe", *words) == 2
    text = capsys.readouterr().err
    assert text.count("\n") == 1 and "Traceback" not in text, text
    return text


def notes_of(capsys: pytest.CaptureFixture[str], probe: str, model: str) -> list[str]:
    assert run("probe", probe, f"hard_models:{model}", "--json", "--minutes", "0.5") in (0, 1, 3)
    notes: list[str] = json.loads(capsys.readouterr().out)["notes"]
    return notes


@pytest.mark.parametrize("probe", TRAINED)
def test_a_loss_that_is_not_finite(probe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not finite" in error_of(capsys, probe, "hard_models:not_finite")


@pytest.mark.parametrize("probe", TRAINED)
def test_an_optimizer_that_maximizes(probe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of -H the lowest curvature of H limits the steps; `sharpness` gave the highest."""
    assert "return minus the objective" in error_of(capsys, probe, "hard_models:ascending")


@pytest.mark.parametrize("probe", ["noise", "features"])
def test_a_loss_without_a_gradient(probe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "loss has no gradient" in error_of(capsys, probe, "hard_models:detached")


@pytest.mark.parametrize("probe", TRAINED)
def test_a_loss_without_slope(probe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the rounded output nothing is trained: four probes crashed, and one passed."""
    assert "gradient of its loss is zero" in error_of(capsys, probe, "hard_models:flat")


def test_fixed_features_are_lazy(capsys: pytest.CaptureFixture[str]) -> None:
    """Random features: only the readout is trained, and nothing before it moves."""
    assert run("probe", "features", "hard_models:fixed") == 1
    assert "lazy: no layer before the readout moves" in " ".join(capsys.readouterr().out.split())


def test_full_batches_have_no_noise(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("probe", "noise", "hard_models:full_batch") == 3
    out = " ".join(capsys.readouterr().out.split())
    assert "no noise to measure" in out and "`batch(seed)` draw other examples" in out


def test_a_loss_that_is_linear_has_no_curvature(capsys: pytest.CaptureFixture[str]) -> None:
    """Its Hessian is 0: no rate is too large for it."""
    assert run("probe", "sharpness", "hard_models:straight", "--minutes", "0.5") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "curves upward nowhere: scaled" not in out and "curves upward nowhere: 0 (0 to 0)" in out


@pytest.mark.parametrize("probe", TRAINED)
def test_a_subject_without_optimizer(probe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "returns no optimizer" in error_of(capsys, probe, "hard_models:no_optimizer")


def test_a_model_of_one_size(capsys: pytest.CaptureFixture[str]) -> None:
    """It passed: nothing changes over its widths. The control needs one width only."""
    line = error_of(capsys, "features", "hard_models:one_size")
    assert "at width 64 and at 256" in line and "`width`" in line
    assert notes_of(capsys, "noise", "one_size")


def test_a_model_without_trained_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    line = error_of(capsys, "sharpness", "hard_models:frozen")
    assert "gradient" in line


def test_a_model_without_second_derivatives(capsys: pytest.CaptureFixture[str]) -> None:
    assert any("no second derivative" in note for note in notes_of(capsys, "sharpness", "once"))
    assert not any("derivative" in note for note in notes_of(capsys, "sharpness", "plain"))


@pytest.mark.parametrize("probe", ["sharpness", "noise", "features", "norms", "predict-lr"])
def test_dropout_and_batch_norm_are_frozen_and_said(
    probe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any("drops the same entries" in n for n in notes_of(capsys, probe, "dropout"))
    assert any("statistics of the batch" in n for n in notes_of(capsys, probe, "batch_norm"))
    assert not any("measured" in n for n in notes_of(capsys, probe, "plain"))


@pytest.mark.parametrize(("probe", "fewest"), [("features", 3), ("norms", 3), ("universality", 2)])
def test_too_few_widths(
    probe: str, fewest: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(RECIPE)
    widths = [16, 32][: fewest - 1]
    line = error_of(capsys, probe, str(path), "--set", f"ladder.width={widths}")
    assert f"at least {fewest} widths, found {fewest - 1}; add widths to the ladder" in line


def test_a_plot_of_numbers_alone_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict and its exit code are those of the probe all the same."""
    document = ProbeDocument(
        probe="entangle",
        question="?",
        subject="x",
        verdict="fail",
        reason="entangled",
        measures=(),
        method="m",
        confidence=0.9,
        seconds=1.0,
    )
    monkeypatch.setattr("mutransfer_cli.probes.probe_run.run_probe", lambda *a, **k: document)
    path = tmp_path / "plot.png"
    assert run("probe", "entangle", "x", "--plot", str(path)) == 1
    shown = capsys.readouterr()
    assert "not written, there is no curve to show" in shown.err and not path.exists()
    assert "fail: entangled" in shown.out
