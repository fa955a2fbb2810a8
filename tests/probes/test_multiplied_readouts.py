"""The readout's norm where a model's own forward pass or loss multiplies the logits."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.probes.probe_run import run_probe

MODULE = """
import torch
from torch import nn
from mutransfer_cli import Subject

class Net(nn.Module):
    def __init__(self, width, kind):
        super().__init__()
        self.kind, self.width = kind, width
        self.head = nn.Linear(width, 1, bias=False)  # not the last in the order of parameters
        nn.init.ones_(self.head.weight)
        self.first = nn.Linear(2, width)
        if kind == "two heads":
            self.other = nn.Linear(width, 3, bias=False)
            nn.init.constant_(self.other.weight, 2.0)
        if kind == "transposed":
            self.head = None
            self.matrix = nn.Parameter(torch.ones(width, 1))

    def forward(self, x):
        h = torch.tanh(self.first(x))
        if self.kind == "input":
            return self.head(h / self.width)
        if self.kind == "output":
            return self.head(h) / self.width
        if self.kind == "transposed":
            return h @ self.matrix / self.width
        if self.kind == "two heads":
            return torch.cat([self.head(h), self.other(h)], 1) / self.width
        return self.head(h)

def make(width, kind):
    torch.manual_seed(0)
    model = Net(width, kind)
    def loss(model, x):
        y = model(x)
        if kind == "loss":
            y = y / width
        return (y - 1).square().mean()
    batch = lambda seed: torch.randn(4, 2, generator=torch.Generator().manual_seed(seed))
    return Subject(model, torch.optim.SGD(model.parameters(), lr=1e-6), loss, batch)
"""
KINDS = ("input", "output", "loss", "transposed", "two heads")


def exponent(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """Exponent of the width of the readout's norm of a callable."""
    name = kind.replace(" ", "_")
    build = f"\ndef build(width):\n    return make(width, {kind!r})\n"
    (tmp_path / f"net_{name}.py").write_text(MODULE + build)
    monkeypatch.syspath_prepend(str(tmp_path))
    document = run_probe("norms", f"net_{name}:build", minutes=0.5)
    (readout,) = (m for m in document.measures if m.name.endswith("readout norm"))
    assert document.verdict == ("fail" if kind == "none" else "pass"), document.reason
    return readout.estimate.value


@pytest.mark.parametrize("kind", KINDS)
def test_the_multiplier_counts(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of ones has the norm √width × √width, times the multiplier 1/width: width^0."""
    assert exponent(kind, tmp_path, monkeypatch) == pytest.approx(0, abs=1e-2)


def test_a_model_without_a_readout_is_not_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its output grows with the width, as that of an encoder by itself does."""
    build = "\ndef build(width):\n    return make(width, 'none', width)\n"
    module = MODULE.replace("def make(width, kind):", "def make(width, kind, out):").replace(
        "model = Net(width, kind)", "model = nn.Sequential(nn.Linear(2, out), nn.Tanh())"
    )
    (tmp_path / "encoder.py").write_text(module + build)
    monkeypatch.syspath_prepend(str(tmp_path))
    document = run_probe("norms", "encoder:build", minutes=0.5)
    assert document.verdict == "inconclusive"
    assert any("no matrix that gives the output" in note for note in document.notes)
    assert "mutransfer check" in (document.advice or "")


def test_without_one_the_row_of_ones_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: √width × √width."""
    assert exponent("none", tmp_path, monkeypatch) == pytest.approx(1, abs=1e-2)


RECIPE = """
name: own
model: {{build: 'own_net:build', width: {{width: 1}}}}
optimizer: {{name: sgd, lr: 1.0e-06}}
data: {{source: teacher, d_in: 2, d_out: 2}}
base: {{width: 32, depth: 1, batch: 4, steps: 4}}
ladder: {{width: [32, 64, 128]}}
parameterization: {parameterization}
"""
OWN_NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.head = nn.Linear(2, width), nn.Linear(width, 2, bias=False)
    def forward(self, x):
        return self.head(self.first(x).relu()) / (self.head.in_features / 32)
def build(width):
    return Net(width)
"""


def test_a_model_of_a_recipe_that_multiplies_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan leaves 1/m to the model: entries of order 1, √n × √n/m: order 1 under muP.

    The control, sp, has entries of order 1/√n: the same sum, over m, falls as width^-1/2.
    """
    (tmp_path / "own_net.py").write_text(OWN_NET)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {}
    for name in ("mup", "sp"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(RECIPE.format(parameterization=name))
        document = run_probe("norms", str(path))
        found[name] = document.measures[0].estimate.value
    assert found["mup"] == pytest.approx(0, abs=0.1)
    assert abs(found["sp"]) > 0.3
