"""`mutransfer fit` on tables: exit codes, targets, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from math import exp, log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mutransfer_cli.cli.main import app
from tests.helpers.commands import run


def table(
    folder: Path,
    loss: Callable[[int, float], float],
    widths: tuple[int, ...] = (64, 128, 256),
    rates: range = range(-10, -3),
) -> Path:
    rng = np.random.default_rng(0)
    rows = ["width,lr,seed,loss"]
    for w, x, s in product(widths, rates, (0, 1)):
        rows.append(f"{w},{2.0**x},{s},{exp(loss(w, x) + rng.normal(0, 5e-4))}")
    path = folder / "runs.csv"
    path.write_text("\n".join(rows))
    return path


def constant(w: int, x: float) -> float:
    return 1 + 0.02 * (x + 7) ** 2


def drifting(w: int, x: float) -> float:
    return 1 + 0.02 * (x + 7 + 0.5 * log2(w / 64)) ** 2


def call(*arguments: object) -> Any:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["fit", *map(str, arguments)])


@pytest.mark.parametrize(("loss", "code"), [(constant, 0), (drifting, 1)])
def test_the_cost_decides_the_exit_code(
    tmp_path: Path, loss: Callable[[int, float], float], code: int
) -> None:
    path = table(tmp_path, loss)
    done = call(path, "--json")
    assert done.exit_code == code, done.output
    values = json.loads(done.stdout)
    assert set(values["decision"]) == {"lr", "regret"}
    assert set(values["decision"]["lr"]) >= {"value", "low", "high", "cost_of_half"}
    assert values["decision"]["lr"]["value"] == values["hyperparameters"]["lr"]
    assert values["tolerance"] == 0.005 and values["drift_verdict"] in ("holds", "fails")
    assert set(values["axes"]["width"]["drift"]) == {"lr"}
    # drifting by an octave from 64 to 256 costs 2 %: within a tolerance of 10 %
    assert call(path, "--tolerance", "10%").exit_code == 0
    assert run("fit", path, "--tolerance", "ten") == 2


def test_a_target_moves_the_choice(tmp_path: Path) -> None:
    path = table(tmp_path, drifting)
    values = json.loads(call(path, "--json", "--width", 1024).stdout)
    assert values["target"]["width"] == 1024
    assert log2(values["decision"]["lr"]["value"]) == pytest.approx(-9, abs=0.15)
    low, high = values["decision"]["lr"]["low"], values["decision"]["lr"]["high"]
    assert log2(low) < -9 < log2(high)
    assert [cost["at"] for cost in values["transfer"]] == ["width 256", "the target (width 1024)"]


def test_what_is_inconclusive_says_what_to_run(tmp_path: Path) -> None:
    done = call(table(tmp_path, constant, widths=(64,)))
    assert done.exit_code == 3 and "add a width to the ladder" in done.stdout
    done = call(table(tmp_path, lambda w, x: 1 - 0.02 * x))
    assert done.exit_code == 3 and "run higher ones, such as" in " ".join(done.stdout.split())
    assert call(tmp_path / "runs.csv", "--exit-zero").exit_code == 0


def test_the_verdict_is_printed_first(tmp_path: Path) -> None:
    text = " ".join(call(table(tmp_path, constant)).stdout.split())
    parts = ["holds: the smallest rung's optimum", "lowest expected regret", "optimum of each rung"]
    positions = [text.index(part) for part in parts]
    assert positions == sorted(positions)
    assert "cost of half" in text and "drift per doubling of width" in text
