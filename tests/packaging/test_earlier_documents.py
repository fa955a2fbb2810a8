"""Runs, plans, fits and forecasts of an earlier version are read by this one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import mutransfer_cli
from mutransfer_cli.search.storage.run import Run
from tests.helpers.commands import run

STORED = Path(__file__).parent / "earlier"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A copy: reading a study may add to its folder."""
    return shutil.copytree(STORED, tmp_path / "earlier")


def stored(name: str) -> dict[str, object]:
    values: dict[str, object] = json.loads((STORED / name).read_text())
    return values


def test_a_run(earlier: Path) -> None:
    read = Run.open(earlier)
    assert len(read.records) == 36  # 3 widths, 6 rates, 2 seeds
    assert {r.outcome for r in read.records} <= {"finished", "diverged"}
    assert len(read.curves) == 36
    assert read.recipe.optimizer.name == "adamw"


def test_a_plan() -> None:
    plan = mutransfer_cli.load_plan(STORED / "plan.json")
    lines = {t.name: t.lr for t in plan.tensors}
    tensors = stored("plan.json")["tensors"]
    assert isinstance(tensors, list)
    assert lines == {t["name"]: t["lr"] for t in tensors}
    # muP with AdamW, 8 times the base width: hidden matrices learn 8 times slower
    assert lines["hidden.0.weight"] == pytest.approx(lines["input.weight"] / 8)


def test_a_fit(earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = earlier / "target.json"
    fit = str(earlier / "fit.json")
    assert run("scale", earlier, "--width", 64, "--fit", fit, "-o", output) == 0
    chosen = stored("fit.json")["hyperparameters"]
    assert isinstance(chosen, dict)
    plan = mutransfer_cli.load_plan(output)
    rate = next(t.lr for t in plan.tensors if t.role == "input")
    assert rate == pytest.approx(chosen["lr"])
    capsys.readouterr()


def test_a_forecast(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(STORED / "forecast.json")
    assert run("predict", "--score", path, "--loss", 0.5) in (0, 1)
    assert str(stored("forecast.json")["made"]) in capsys.readouterr().out


def test_an_unknown_version_is_refused(earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The control: what is not of a known version is not read."""
    later = {**stored("plan.json"), "schema": "mutransfer/scale/v99"}
    (earlier / "plan.json").write_text(json.dumps(later))
    with pytest.raises(mutransfer_cli.InputError, match="schema is 'mutransfer/scale/v99'"):
        mutransfer_cli.load_plan(earlier / "plan.json")


def test_every_document_names_its_version() -> None:
    from mutransfer_cli.catalog.commands import COMMANDS

    for row in COMMANDS:
        if row.document is not None:
            schema = row.load_document().model_fields["schema_"].default
            assert schema.startswith("mutransfer/") and schema.rpartition("/v")[2].isdecimal()
