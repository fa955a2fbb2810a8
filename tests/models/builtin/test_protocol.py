"""A model and a data source of another package, by entry point, and of one less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.outside_package import install, run, without

MODEL_ROW = """
from mutransfer_cli.catalog.fields import Positive, Section
from mutransfer_cli.catalog.models import ModelEntry


class ToyArguments(Section):
    d_in: Positive
    d_out: Positive
    gain: Positive = 1


ROW = ModelEntry(
    name="toy-mlp", summary="two layers", implementation="toy_model:Toy", arguments=ToyArguments,
    width_argument="units", depth_argument="layers", reads="vectors", from_data=("d_in", "d_out"),
)
"""
MODEL = """
from torch import nn


class Toy(nn.Module):
    def __init__(self, units, layers, d_in, d_out, gain):
        super().__init__()
        assert gain == 1  # the default of the row's arguments
        self.first = nn.Linear(d_in, units)
        self.rest = nn.ModuleList(nn.Linear(units, units) for _ in range(layers))
        self.last = nn.Linear(units, d_out)

    def forward(self, x):
        x = self.first(x).relu()
        for layer in self.rest:
            x = layer(x).relu()
        return self.last(x)
"""
SOURCE_ROW = """
from mutransfer_cli.catalog.sources import SourceEntry

ROW = SourceEntry(
    name="toy-signs", summary="signs of sums", implementation="toy_source:open_signs",
    yields="vectors", d_in=5, d_out=2,
)
"""
SOURCE = """
import torch


class Signs:
    digest = "signs"
    d_in, d_out = 5, 2

    def batch(self, seed, step, size):
        x = torch.randn(size, 5, generator=torch.Generator().manual_seed(1000 * seed + step))
        return x, (x.sum(1) > 0).long()

    def validation(self, size):
        return [self.batch(99, 0, size)]


def open_signs(settings):
    assert (settings.d_in, settings.d_out) == (5, 2)
    return Signs()
"""
QUICK = (
    "--set=base={width: 16, depth: 2, batch: 8, steps: 8}", "--set=ladder={width: [16, 32]}",
    "--set=search.seeds=1", "--set=search.extend=0", "--set=search.space={lr: {log2: [-8, -6]}}",
)  # fmt: skip


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A folder in which package "toy" is installed."""
    modules = {
        "toy_model_row": MODEL_ROW,
        "toy_model": MODEL,
        "toy_source_row": SOURCE_ROW,
        "toy_source": SOURCE,
    }
    install(tmp_path, modules, {"models": "toy_model_row:ROW", "sources": "toy_source_row:ROW"})
    return tmp_path


def test_both_through_the_command_line(toy: Path) -> None:
    done = run(toy, "init", "toy.yaml", "--model", "toy-mlp")
    assert done.returncode == 0, done.stderr
    assert "build: toy-mlp" in (toy / "toy.yaml").read_text()
    data = "--set=data={source: toy-signs}"
    checked = run(toy, "check", "toy.yaml", data, "--widths", "16,32,64", "--json")
    assert checked.returncode == 0, checked.stderr
    roles = {t["name"]: t["role"] for t in json.loads(checked.stdout)["tensors"]}
    assert roles["first.weight"] == "input" and roles["last.weight"] == "readout"
    swept = run(toy, "sweep", "toy.yaml", data, *QUICK, "--run", "run", "--json")
    assert swept.returncode == 0, swept.stderr
    assert json.loads(swept.stdout)["trials"]["finished"] == 6
    wrong = run(toy, "shapes", "toy.yaml", "--set=model.args={gain: 0}")
    assert wrong.returncode == 2 and "model.args.gain" in wrong.stderr
    wrong = run(toy, "shapes", "toy.yaml", "--set=data.source=stdlib")
    assert wrong.returncode == 2 and "toy-mlp reads vectors" in wrong.stderr


@pytest.mark.parametrize(
    ("kind", "registry", "name", "module"),
    [
        ("models", "MODELS", "convnet", "mutransfer_cli.models.builtin.convnet"),
        ("models", "MODELS", "gpt", "mutransfer_cli.models.builtin.gpt"),
        ("sources", "SOURCES", "teacher", "mutransfer_cli.data.teacher"),
        ("sources", "SOURCES", "stdlib", "mutransfer_cli.data.stdlib"),
    ],
)
def test_without_one_of_them(
    tmp_path: Path, kind: str, registry: str, name: str, module: str
) -> None:
    """Everything that does not name it goes on as before; its name is unknown."""
    gone = without(kind, registry, name, [module])
    done = run(tmp_path, "init", "r.yaml", "--model", "mlp", code=gone)
    assert done.returncode == 0, done.stderr
    swept = run(tmp_path, "sweep", "r.yaml", *QUICK, "--run", "run", "--json", code=gone)
    assert swept.returncode == 0, swept.stderr
    assert json.loads(swept.stdout)["trials"]["finished"] == 6
    key = "model.build" if kind == "models" else "data.source"
    refused = run(tmp_path, "shapes", "r.yaml", f"--set={key}={name}", code=gone)
    assert refused.returncode == 2 and f"{key}: expected" in refused.stderr
