"""A sweep that begins at the learning rate of short runs."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path

import pytest

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.probe_run import ProbeResult, run_probe
from mutransfer_cli.probes.search_start import search_start
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.completeness import unfinished
from mutransfer_cli.search.storage.run import Run
from tests.helpers.commands import run
from tests.helpers.registries import remove

RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adamw, lr: 0.002, weight_decay: 0.0}
schedule: {name: cosine, warmup: 0.1}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 16, depth: 1, batch: 16, steps: 60}
ladder: {width: [16, 32]}
search: {start: probe, seeds: 1, extend: 4, space: {lr: {log2: [-12, -3], step: 1.0}}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def test_a_sweep_begins_where_the_probe_says(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    probed = run_probe("predict-lr", str(recipe))
    (short,) = [m for m in probed.measures if m.at.get("estimator") == "short runs"]
    assert run("sweep", str(recipe), "--run", str(folder), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert "the search begins at lr = " in document["notes"][0]
    assert Run.open(folder).start_rate == pytest.approx(short.estimate.value)
    tried = sorted({round(log2(r.params["lr"])) for r in Run.open(folder).records})
    start = log2(short.estimate.value)
    assert len(tried) < 10 and min(abs(x - start) for x in tried) <= 0.5
    assert unfinished(Run.open(folder)) is None  # the rate is known to all who read the run


def test_a_sweep_that_is_resumed_begins_where_it_did(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    assert run("sweep", str(recipe), "--run", str(folder)) == 0
    remove(monkeypatch, PROBES, "predict-lr")  # it is not measured again
    rate, text = search_start(load(recipe, []), folder, 0)
    assert rate == Run.open(folder).start_rate and "an earlier sweep estimated" in text
    assert run("sweep", str(recipe), "--run", str(folder)) == 0


def test_without_the_probe_it_is_refused(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(monkeypatch, PROBES, "predict-lr")
    with pytest.raises(InputError, match="predict-lr"):
        search_start(load(recipe, []), tmp_path / "run", 0)
    with pytest.raises(InputError, match="share a --storage"):
        search_start(load(recipe, []), tmp_path / "run", 0, "journal:x")


def test_an_estimate_that_reaches_too_far_starts_nothing(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_result = ProbeResult("inconclusive", "curvature does not decide", (), "-")
    probe = "mutransfer_cli.probes.predict_lr.probe_predict_lr"
    monkeypatch.setattr(probe, lambda request: open_result)
    rate, text = search_start(load(recipe, []), tmp_path / "run", 0)
    assert rate is None and text.endswith("curvature does not decide")


def test_off_by_default(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(recipe, ["search.start=recipe"]).recipe.search.start == "recipe"
    recipe.write_text(RECIPE.replace("start: probe, ", ""))
    assert load(recipe, []).recipe.search.start == "recipe"
    assert run("sweep", str(recipe), "--run", str(tmp_path / "run")) == 0
    assert "begins" not in capsys.readouterr().err
    assert len({r.params["lr"] for r in Run.open(tmp_path / "run").records}) >= 10


def test_a_dry_run_counts_the_first_grid(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sweep", str(recipe), "--run", str(tmp_path / "x"), "--dry-run", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["trials"] == 2 * 5
    assert any("short runs of the smallest rung come first" in n for n in document["notes"])


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("search.sampler=independent", "search.start: probe needs the sampler grid | adaptive"),
        ("search.space={lr: {choice: [0.1, 0.2]}}", "needs lr in search.space, as log2 or log10"),
        ("search.space={weight_decay: {log2: [-4, -1]}}", "needs lr in search.space"),
    ],
)
def test_refused(setting: str, line: str, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sweep", str(recipe), "--set", setting) == 2
    assert line in capsys.readouterr().err
