"""`fit --advise` and `fit --against` on tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mutransfer_cli.cli.main import app
from mutransfer_cli.errors import InputError
from tests.helpers.quadratic_ladders import ladder

DATA = Path(__file__).parents[1] / "data" / "ladders"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    for name, drift in (("mup", 0.0), ("sp", -1.0)):
        lines = ["width,lr,loss"]
        lines += [f"{o.width},{o.lr},{o.loss}" for o in ladder([-8 + drift * z for z in range(4)])]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_json(tables: Path) -> None:
    arguments = ["fit", str(tables / "mup.csv"), "--against", str(tables / "sp.csv"), "--advise"]
    done = CliRunner().invoke(app, [*arguments, "--width", "512", "--json"])
    values = json.loads(done.stdout)
    assert done.exit_code == {"holds": 0, "fails": 1, "inconclusive": 3}[values["verdict"]]
    assert {"fit_error", "robustness", "asymptotic_penalty", "fast"} <= set(values["quality"])
    assert [a["sizes"] for a in values["advice"] if a["advised"]] == [{"width": 32.0}]
    against = values["against"]
    assert against["fit"]["schema"] == "mutransfer/fit/v1"
    assert against["fit"]["source"].endswith("sp.csv") and against["fit"]["against"] is None
    assert set(against["differences"]) == {
        "fit_error",
        "robustness",
        "asymptotic_penalty",
        "loss",
    }
    assert against["curve"][0]["better"] == "this"
    written = json.loads((tables / "mup.fit.json").read_text())
    assert written["advice"] == values["advice"]


def test_without_the_options_there_is_neither(tables: Path) -> None:
    done = CliRunner().invoke(app, ["fit", str(tables / "mup.csv"), "--json"])
    values = json.loads(done.stdout)
    assert values["advice"] is None and values["against"] is None and values["quality"]


def test_people_read_tables_and_one_sentence(tables: Path) -> None:
    arguments = ["fit", str(tables / "mup.csv"), "--against", str(tables / "sp.csv"), "--advise"]
    done = CliRunner().invoke(app, [*arguments, "--width", "512"], env={"COLUMNS": "200"})
    assert "transfer quality: fast; fit error" in done.stdout
    assert "cheapest within the tolerance" in done.stdout
    assert "cost of a trial: width^2" in done.stdout
    comparison = done.stdout[done.stdout.index("comparison: ") :]
    words = " ".join(comparison.split())
    assert "mup.csv is better than" in words[:200]
    assert "sp.csv: fails: the smallest rung's optimum costs" in words
    headings = next(line for line in comparison.splitlines() if line.split()[:1] == ["budget"])
    assert headings.split()[:5] == ["budget", "this", "other", "difference", "better"]


def test_advice_for_no_target_is_refused(tables: Path) -> None:
    done = CliRunner().invoke(app, ["fit", str(tables / "mup.csv"), "--advise"])
    assert isinstance(done.exception, InputError) and "--width 4096" in str(done.exception)


def test_the_published_schema_describes_the_comparison() -> None:
    done = CliRunner().invoke(app, ["schema", "fit"])
    text = json.dumps(json.loads(done.stdout))
    assert "BudgetPoint" in text and "ProxyAdvice" in text


def test_trained_ladders_in_two_parameterizations() -> None:
    """Small networks: muP's optimum stays where it is, that of sp moves with the width."""
    arguments = ["fit", str(DATA / "mlp-mup-adamw.csv"), "--against"]
    done = CliRunner().invoke(
        app, [*arguments, str(DATA / "mlp-sp-adamw.csv"), "--json", "-o", "/dev/null"]
    )
    values = json.loads(done.stdout)
    other = values["against"]["fit"]["quality"]
    assert other["fast"] is not True and other["asymptotic_penalty"] is None
    assert values["against"]["curve"][0]["better"] == "this"
    assert all(point["better"] != "other" for point in values["against"]["curve"])


@pytest.mark.xfail(
    strict=True,
    reason="known limit: since the drift may decay, two seeds leave open what shrinks faster",
)
def test_transfer_of_a_trained_ladder_under_mup_is_fast() -> None:
    arguments = ["fit", str(DATA / "mlp-mup-adamw.csv"), "--json", "-o", "/dev/null"]
    values = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert values["quality"]["fast"] is True
