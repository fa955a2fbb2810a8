"""`mutransfer law` as a script sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.commands import run
from tests.helpers.law_tables import CHINCHILLA_POINTS

CHINCHILLA = ("law", CHINCHILLA_POINTS, "--form", "chinchilla", "--resamples", 100)


def test_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, plot = tmp_path / "law.json", tmp_path / "law.png"
    code = run(*CHINCHILLA, "--where", "loss<3.42", "--at", "params=7e10,tokens=1.4e12",
               "--json", "-o", output, "--plot", plot)  # fmt: skip
    values = json.loads(capsys.readouterr().out)
    assert code == 0
    assert values["schema"] == "mutransfer/law/v1" and values["form"] == "chinchilla"
    assert set(values["parameters"]) == {"E", "A", "B", "alpha", "beta"}
    assert set(values["parameters"]["E"]) == {"value", "low", "high"}
    assert values["points"] == 240 and values["residual"] < 0.01
    assert {"points", "inside", "error", "regret"} <= set(values["held_out"])
    assert values["predictions"][0]["params"] == 7e10
    assert 1.9 < values["predictions"][0]["loss"]["value"] < 2.05
    assert json.loads(output.read_text()) == values
    assert plot.stat().st_size > 10_000


def test_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*CHINCHILLA, "--hold-out", "loss>3.42") == 0
    text = capsys.readouterr().out
    assert "alpha" in text and "held out (loss>3.42): " in text and " of 5 inside" in text
    assert "note: tokens = flops / (6·params)" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--form", "chinchila"), "did you mean 'chinchilla'"),
        (("--form", "power", "--confidence", 2), "--confidence 2"),
        (("--form", "batch"), "no column batch"),
        (("--form", "chinchilla", "--columns", "tokens=flop"), "nearest: flops"),
        (("--form", "power", "--at", "flops=x"), "expected sizes such as"),
    ],
)
def test_wrong_options(
    options: tuple[object, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("law", CHINCHILLA_POINTS, *options) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_what_is_not_identified_is_inconclusive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An optimum in proportion to the batch: the document is printed, and the exit code is 3."""
    table = tmp_path / "runs.csv"
    table.write_text("batch,lr\n" + "".join(f"{2**k},{1e-4 * 2**k}\n" for k in range(6)))
    command = ("law", table, "--form", "batch", "--json")
    assert run(*command) == 3
    assert "no upper bound" in json.loads(capsys.readouterr().out)["unidentified"][0]
    assert run(*command, "--exit-zero") == 0


def test_without_a_form_those_that_fit_the_table_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("law", CHINCHILLA_POINTS) == 2
    assert "has the columns of chinchilla, power, isoflop" in capsys.readouterr().err
    empty = tmp_path / "empty.csv"
    empty.write_text("params,tokens,loss\n")
    assert run("law", empty) == 2
    assert "holds no runs" in capsys.readouterr().err


def test_diverged_runs_alone_are_inconclusive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "runs.csv"
    rows = [f"{n},{lr},nan" for n in (1, 2, 4) for lr in (0.1, 0.2)]
    table.write_text("\n".join(["params,lr,loss", *rows]) + "\n")
    for form in ("power", "optimum"):
        assert run("law", table, "--form", form) == 3
        assert "every run diverged; run lower learning rates" in capsys.readouterr().err
