"""`mutransfer predict`: forecasts as files, scores as exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import log2
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.search.storage.run_directory import ENVIRONMENT
from tests.helpers.commands import run
from tests.helpers.run_directories import RECIPE, bowl, finished_run

BELOW = "target: width 4 is smaller than the smallest width of the ladder, 8"

WIDTHS = "width: [8, 16, 32]"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("predict") / "ladder")


@pytest.fixture
def forecast(swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "forecast.json"
    assert run("predict", swept, "--width", 64, "-o", path) == 0
    assert str(json.loads(path.read_text())["digest"]) in capsys.readouterr().out
    return path


def output(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


def error(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.strip().splitlines()) == 1
    return printed.err


def test_the_document(swept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", swept, "--width", 64, "--confidence", 0.9, "--json") == 0
    values = output(capsys)
    assert next(iter(values)) == "schema" and values["schema"] == "mutransfer/predict/v1"
    PredictDocument.model_validate(values)
    assert values["target"] == {"width": 64, "depth": 2, "batch": 16, "steps": 40}
    # the truth of the ladder: log2(lr) = -6.2, loss 2 + 3/64 and seeds 0.005 above on average
    lr, loss = values["optimum"]["lr"], values["loss"]
    assert log2(lr["low"]) < -6.2 < log2(lr["high"])
    assert loss["low"] < 2 + 3 / 64 + 0.005 < loss["high"]
    assert values["distance"] == 1.0 and values["confidence"] == 0.9
    assert values["digest"] is None and values["score"] is None
    assert not (swept / "forecasts").exists()


def test_a_forecast_is_kept_with_the_run(swept: Path, forecast: Path) -> None:
    values = json.loads(forecast.read_text())
    kept = swept / "forecasts" / f"{values['digest'][:12]}.json"
    assert json.loads(kept.read_text()) == values
    assert values["runs"]["count"] == 3 * 7 * 2
    assert len(values["runs"]["digest"]) == 64


def test_scores_are_exit_codes(forecast: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predicted = json.loads(forecast.read_text())["loss"]
    assert run("predict", "--score", forecast, "--loss", predicted["value"], "--json") == 0
    score = output(capsys)["score"]
    assert score["inside"] is True and score["error"] == 0.0
    assert run("predict", "--score", forecast, "--loss", 1.01 * predicted["high"], "--json") == 1
    assert output(capsys)["score"]["inside"] is False
    assert run("predict", "--score", forecast, "--loss", 9, "--exit-zero") == 0
    assert "outside: loss 9" in capsys.readouterr().out


def target_run(path: Path, started: datetime | None) -> Path:
    """A sweep at the target of the forecast."""
    finished_run(path, RECIPE.replace(WIDTHS, "width: [64]"), bowl)
    file = path / ENVIRONMENT
    values = json.loads(file.read_text())
    if started is None:
        del values["started"]
    else:
        values["started"] = started.isoformat()
    file.write_text(json.dumps(values))
    return path


def test_a_run_is_scored(
    forecast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = target_run(tmp_path / "later", datetime.now(UTC) + timedelta(hours=1))
    assert run("predict", "--score", forecast, later, "--json") == 0
    score = output(capsys)["score"]
    # the best rate of the grid is 2^-6: 2 + 3/64 + 0.035·0.2² + 0.005
    assert score["loss"] == pytest.approx(2.053275)
    assert score["runs"] == 2 and score["setting"] == {"lr": 2**-6}


@pytest.mark.parametrize("by_option", [True, False])
def test_a_forecast_younger_than_the_run_is_refused(
    forecast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], by_option: bool
) -> None:
    before = datetime.now(UTC) - timedelta(hours=1)
    if by_option:
        code = run("predict", "--score", forecast, "--loss", 2, "--started", before.isoformat())
    else:
        code = run("predict", "--score", forecast, target_run(tmp_path / "run", before))
    assert code == 2 and "after the run of its target had started" in error(capsys)


def test_without_a_date_the_trials_tell(
    forecast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # its trials are stored now, after the forecast was made
    assert run("predict", "--score", forecast, target_run(tmp_path / "run", None), "--json") == 0
    assert output(capsys)["score"]["started"] is not None


def test_a_table_is_predicted_and_keeps_its_forecast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["width,lr,loss,seed"]
    for width in (8, 16, 32):
        rows += [
            f"{width},{2.0**x},{bowl(width, x, seed)},{seed}" for x in range(-9, -2)
            for seed in (0, 1)
        ]  # fmt: skip
    table = tmp_path / "runs.csv"
    table.write_text("\n".join(rows))
    assert run("predict", table, "--width", 64, "-o", tmp_path / "f.json", "--json") == 0
    values = output(capsys)
    assert (tmp_path / "runs.forecasts" / f"{values['digest'][:12]}.json").is_file()
    assert values["target"]["steps"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN"], "no target named"),
        (["RUN", "--width", 4], BELOW),
        (["RUN", "--width", 64, "--steps", 40, "--tokens", 640], "--steps or --tokens"),
        (["RUN", "--width", 64, "--params", 1000], "--params"),
        (["RUN", "--width", 64, "--confidence", 2], "--confidence 2"),
        (["RUN", "--width", 64, "--loss", 2], "--loss: only with --score"),
        (["RUN", "--width", 64, "--pilot", "RUN"], "no run at the target"),
        (["none", "--width", 64], "none"),
        (["."], "is not a run directory"),
        ([], "expected a run directory"),
        (["--score", "none.json", "--loss", 2], "none.json: cannot be read"),
        (["--score", "FORECAST"], "expected a run of the target, or --loss"),
        (["--score", "FORECAST", "RUN", "--loss", 2], "and not both"),
        (["--score", "FORECAST", "RUN"], "no run at the forecast's target, width 64"),
        (["--score", "FORECAST", "--loss", 2, "--width", 64], "omit sizes"),
        (["--score", "FORECAST", "--loss", 2, "--started", "soon"], "--started soon"),
    ],
)
def test_wrong_input_is_one_line(
    swept: Path,
    forecast: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[object],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = {"RUN": swept, "FORECAST": forecast}
    assert run("predict", *(paths.get(str(a), a) for a in arguments)) == 2
    assert message in error(capsys)


def test_what_the_runs_cannot_predict_is_inconclusive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "one_width.csv"
    rows = [f"8,{2.0**x},{bowl(8, x, 0)}" for x in range(-9, -2)]
    table.write_text("\n".join(["width,lr,loss", *rows]) + "\n")
    assert run("predict", table, "--width", 64) == 3
    shown = capsys.readouterr().out
    assert shown.startswith("inconclusive: neither the loss nor the optimum is predicted")
    assert run("predict", table, "--width", 64, "--exit-zero", "--json") == 0
    assert "the runs do not vary width" in output(capsys)["inconclusive"]
