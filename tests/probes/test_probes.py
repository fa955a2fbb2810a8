"""Probes of whole recipes: what theory says of small ones, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.documents.probe import ProbeDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.estimates.seed_intervals import geometric_interval, mean_interval
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.probe_run import run_probe
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.sweep import sweep
from tests.helpers.commands import run

RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: sgd, lr: 0.1}
data: {source: teacher, d_in: 16, d_out: 4}
schedule: {name: constant, warmup: 0.0}
base: {width: 32, depth: 2, batch: 64, steps: 60}
ladder: {width: [32, 64, 128]}
search: {seeds: 1, extend: 0, space: {lr: {log2: [-4, 1], step: 1.0}}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def found(name: str, recipe: Path, *sets: str) -> ProbeDocument:
    # the time is measured on the clock: on a busy machine the default would leave sizes out
    return run_probe(name, str(recipe), sets, minutes=60.0)


def test_a_small_rate_is_stable_and_a_large_one_is_not(recipe: Path) -> None:
    stable = found("sharpness", recipe, "optimizer.lr=0.01", "ladder.width=[32]")
    assert stable.verdict == "pass" and "stable" in stable.reason
    largest, batch = stable.measures
    assert (batch.name, batch.expected) == ("largest learning rate × batch sharpness", 2.0)
    assert largest.estimate.value < 0.3
    edge = found("sharpness", recipe, "optimizer.lr=2.0", "ladder.width=[32]")
    assert edge.measures[0].estimate.value > 3 * largest.estimate.value
    assert {s.panel for s in edge.series} == {"ratio to the threshold", "sharpness"}


def test_an_optimizer_without_threshold_is_judged_by_its_updates(recipe: Path) -> None:
    lion = "optimizer={name: lion, lr: 0.001, betas: [0.9, 0.99], weight_decay: 0.0}"
    document = found("sharpness", recipe, lion, "ladder.width=[32]")
    assert any("judged by the critical multiple" in note for note in document.notes)
    # of all steps of Lion's length, some curve no less than its own
    own, of_length = (m.estimate.value for m in document.measures)
    assert 0.5 * own < of_length < 1


def test_features_are_learned_under_mup_and_not_in_the_lazy_regime(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exponents 0 and -1/2 of the width (Yang and Hu, arXiv 2011.14522, section 3)."""
    mup = found("features", recipe, "ladder.width=[32, 64, 128, 256]")
    assert mup.verdict == "pass", mup.reason
    (tmp_path / "lazy_net.py").write_text(LAZY)
    monkeypatch.syspath_prepend(str(tmp_path))
    lazy = run_probe("features", "lazy_net:build", minutes=60.0)
    assert lazy.verdict == "fail" and lazy.reason.startswith("lazy"), lazy.reason
    slopes = {
        m.at.get("layer") or m.at.get("movement"): m.estimate.value
        for m in lazy.measures
        if m.name == "exponent of the width"
    }
    assert slopes["1.1"] == pytest.approx(-0.5, abs=0.1)
    assert slopes["tangent kernel"] == pytest.approx(-1, abs=0.4)  # arXiv 1909.11304


def test_a_slope_by_hand() -> None:
    """Halved with every doubling of the width, twice each: exponent -1 without scatter."""
    slope = width_slope([(w, 32 / w) for w in (32, 64, 128) for _ in range(2)], 0.9)
    assert (slope.value, slope.low, slope.high) == pytest.approx((-1, -1, -1))


def test_a_mean_has_student_s_interval() -> None:
    """Of 1 and 3: 2 ± 6.314·1 (R: qt(.95, 1) = 6.3138)."""
    interval = mean_interval([1.0, 3.0], 0.9)
    assert interval.low == pytest.approx(2 - 6.3138, abs=1e-3)
    assert mean_interval([1.0], 0.9).low is None


def test_what_is_positive_stays_so_within_its_interval() -> None:
    """Of 1 and 4: 2·4^±(6.314·.5), the interval of log2 1 ± …; with a 0, that of the values."""
    found = geometric_interval([1.0, 4.0], 0.9)
    assert found.value == pytest.approx(2.0)
    assert (found.low, found.high) == pytest.approx((2 * 2**-6.3138, 2 * 2**6.3138), rel=1e-4)
    assert geometric_interval([0.0, 4.0], 0.9) == mean_interval([0.0, 4.0], 0.9)
    assert geometric_interval([3.0], 0.9).low is None


def test_the_noise_scale_of_a_run(recipe: Path) -> None:
    document = found("noise", recipe)
    assert document.verdict in ("pass", "inconclusive")
    whole = [m for m in document.measures if m.name == "noise scale"]
    assert [m.at["step"] for m in whole] == [0, 6, 18, 36, 59]
    assert all(m.estimate.value > 0 for m in whole)
    tensors = [m for m in document.measures if m.name == "noise scale of a tensor"]
    assert "readout.weight" in {m.at["tensor"] for m in tensors}


def test_the_batch_hyperbola_of_a_run(recipe: Path, tmp_path: Path) -> None:
    """From three batches on; under wsd a plain word instead."""
    batches = ["ladder={batch: [8, 16, 64, 256]}", "search.space={lr: {log2: [-3, 0], step: 1.0}}"]
    sweep(load(recipe, [*batches, "search.seeds=2"]), tmp_path / "run")
    document = run_probe("noise", str(tmp_path / "run"))
    names = {m.name for m in document.measures}
    assert {"fewest steps", "fewest examples", "critical batch"} <= names
    assert "by the sweep over 4 batches the critical batch is" in document.reason
    (hyperbola,) = [s for s in document.series if s.panel == "batch hyperbola"]
    assert hyperbola.x == (8.0, 16.0, 64.0, 256.0)
    assert list(hyperbola.y) == sorted(hyperbola.y, reverse=True)  # larger batches, fewer steps
    wsd = found("noise", recipe, "schedule={name: wsd, warmup: 0.1}")
    assert any("arXiv 2601.05034" in note for note in wsd.notes)
    assert not any("wsd" in note for note in found("noise", recipe).notes)


def test_entanglement_is_read_off_a_run(recipe: Path, tmp_path: Path) -> None:
    sweep(load(recipe, ["search.seeds=2", "base.steps=30"]), tmp_path / "run")
    document = run_probe("entangle", str(tmp_path / "run"))
    pairs = {(m.at["hyperparameter"], m.at.get("with")) for m in document.measures}
    assert pairs == {("lr", "width"), ("lr", None)}  # the drift, and what it costs
    with pytest.raises(InputError, match="expected a run directory"):
        found("entangle", recipe)


LAZY = """
import torch
from torch import nn
from mutransfer_cli import Subject
class Scaled(nn.Linear):  # the parameterization of the tangent kernel: unit entries over the root
    def __init__(self, fan_in, fan_out):
        super().__init__(fan_in, fan_out, bias=False)
        nn.init.normal_(self.weight)
    def forward(self, x):
        return super().forward(x) / self.in_features**0.5
def build(width, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(Scaled(16, width), nn.Sequential(nn.Tanh(), Scaled(width, width)),
                          nn.Tanh(), Scaled(width, 1))
    def batch(seed):
        x = torch.randn(64, 16, generator=torch.Generator().manual_seed(seed))
        return x, x[:, :1] * x[:, 1:2]
    loss = lambda m, b: ((m(b[0]) - b[1]) ** 2).mean()
    return Subject(model, torch.optim.SGD(model.parameters(), lr=0.5), loss, batch)
"""
SUBJECT = """
import torch
from torch import nn
from mutransfer_cli import Subject
def build(width):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, width), nn.Dropout(0.1), nn.Tanh(), nn.Linear(width, 1))
    def batch(seed):
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(seed))
        return x, x[:, :1]
    loss = lambda m, b: ((m(b[0]) - b[1]) ** 2).mean()
    return Subject(model, torch.optim.SGD(model.parameters(), lr=0.05), loss, batch)
def bare(width):
    return nn.Linear(width, width)
"""


def test_a_callable_s_own_optimizer_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_probed.py").write_text(SUBJECT)
    monkeypatch.syspath_prepend(str(tmp_path))
    document = run_probe("sharpness", "mine_probed:build")
    assert document.verdict == "pass"
    assert any("dropout drops the same entries" in note for note in document.notes)
    with pytest.raises(InputError, match="expected a run directory"):
        run_probe("entangle", "mine_probed:build")
    with pytest.raises(InputError, match=r"returns no optimizer|loss"):
        run_probe("sharpness", "mine_probed:bare")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["probe", "sharpnes", "x.yaml"], "did you mean 'sharpness'?"),
        (["probe", "sharpness"], "expected a recipe or a run directory or a package.module"),
        (["probe", "linear", "x.yaml"], "brings its own model"),
        (["probe", "sharpness", "x.yaml", "--confidence", "2"], "between 0 and 1"),
        (["probe", "noise", "none.yaml"], "none.yaml"),
    ],
)
def test_refused(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert line in capsys.readouterr().err


def test_the_list_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run("probe") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= len(PROBES.names) and max(map(len, lines)) <= 80
    assert {row.name for row in PROBES} <= {line.split()[0] for line in lines if line.strip()}


def test_the_list_and_a_probe_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("probe") == 0
    text = capsys.readouterr().out
    assert all(row.name in text for row in PROBES)
    assert run("probe", "linear", "--json", "--plot", str(tmp_path / "p.png")) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "mutransfer/probe/v1" and document["verdict"] == "pass"
    assert (tmp_path / "p.png").stat().st_size > 5000
    assert document["plot"] == str(tmp_path / "p.png")
    name = "half time of a mode (mode 3, step_size 0.001)"
    assert document["values"][name]["value"] == pytest.approx(1.334, rel=0.01)
    assert document["expected"][name] == pytest.approx(1.3342, rel=1e-3)  # ln(3/.001 - 1)/(2·3)
    assert len(document["values"]) == len(document["measures"])
