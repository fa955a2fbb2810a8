"""`sweep`, `fit`, `summary`, `scale` and `predict` name one choice, on the command line."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.search.job import Job
from tests.helpers.commands import run
from tests.helpers.run_directories import RECIPE, finished_run, run_of

# the optima below drift steadily, which standard parameterization allows and muP does not promise
STEADY = RECIPE + "parameterization: sp\n"
SWEEP = ("sweep", "--accept-changes")  # the trials were made from no data
TWO = """
name: two
parameterization: sp
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, depth: 2, batch: 16, steps: 40}
ladder: {width: [8, 16, 32]}
target: {width: 64}
search:
  space: {lr: {log2: [-9, -4], step: 1}, init_std: {log2: [-5, -1], step: 1}}
  seeds: 1
  extend: 0
"""


def drifting(width: int, x: float, seed: int) -> float:
    """The optimum is 2^-6 at width 8 and half an octave lower at each doubling."""
    return 2 + 3 / width + 0.05 * (x + 6 + 0.5 * log2(width / 8)) ** 2 + 0.003 * seed * (x % 2)


def two(job: Job) -> float:
    """The rate as above, and an init of 2^-3.4 at every width, entangled with it."""
    x = log2(job.params["lr"]) + 6 + 0.5 * log2(job.size.width / 8)
    y = log2(job.params["init_std"]) + 3.4
    return 2 + 3 / job.size.width + 0.05 * x**2 + 0.03 * y**2 + 0.015 * x * y


def asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """The JSON document of a command."""
    capsys.readouterr()
    run(*arguments, "--json")
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


def test_one_hyperparameter_at_the_largest_rung_and_at_a_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """2^-7 at width 32, 2^-7.5 at width 64."""
    folder = finished_run(tmp_path / "run", STEADY, drifting)
    here = asked(capsys, "fit", folder)["hyperparameters"]
    assert log2(here["lr"]) == pytest.approx(-7, abs=0.1)
    assert asked(capsys, "summary", folder)["hyperparameters"] == here
    swept = asked(capsys, *SWEEP, folder / "recipe.yaml", "--run", folder)
    assert swept["best"]["params"] == here
    there = asked(capsys, "fit", folder, "--width", 64)["hyperparameters"]
    assert log2(there["lr"]) == pytest.approx(-7.5, abs=0.1)
    predicted = asked(capsys, "predict", folder, "--width", 64)["optimum"]
    assert predicted["lr"]["value"] == there["lr"]
    scaled = asked(capsys, "scale", folder, "--width", 64, "--format", "json")
    assert scaled["hyperparameters"]["lr"] == there["lr"]


def test_a_fit_of_another_size_is_made_anew_for_the_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file's fit is that of the largest rung, 2^-7; that of width 64 is 2^-7.5."""
    folder, file = finished_run(tmp_path / "run", STEADY, drifting), tmp_path / "fit.json"
    there = asked(capsys, "fit", folder, "--width", 64, "-o", tmp_path / "there.json")
    here = asked(capsys, "fit", folder, "-o", file)
    scaled = asked(capsys, "scale", folder, "--width", 64, "--fit", file, "--format", "json")
    assert scaled["hyperparameters"]["lr"] == there["hyperparameters"]["lr"]
    assert scaled["prediction"]["lr"]["value"] == there["hyperparameters"]["lr"]
    assert any("made for other sizes" in note for note in scaled["notes"])
    # the control: without the runs there is one choice too, that of the file, and no second rate
    file.write_text(file.read_text().replace(here["source"], "gone"))
    scaled = asked(capsys, "scale", folder, "--width", 64, "--fit", file, "--format", "json")
    assert scaled["hyperparameters"]["lr"] == here["hyperparameters"]["lr"]
    assert scaled["prediction"]["lr"] is None
    assert any("not made for the target" in note for note in scaled["notes"])


def test_two_hyperparameters_at_the_target_of_the_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "run", TWO, two)
    fitted = asked(capsys, "fit", folder)
    choice = fitted["hyperparameters"]
    assert log2(choice["lr"]) == pytest.approx(-7.5, abs=0.2)
    assert log2(choice["init_std"]) == pytest.approx(-3.4, abs=0.2)
    assert {name: fitted["decision"][name]["value"] for name in choice} == choice
    swept = asked(capsys, *SWEEP, folder / "recipe.yaml", "--run", folder)
    assert swept["best"]["params"] == choice
    assert asked(capsys, "summary", folder)["hyperparameters"] == choice
    predicted = asked(capsys, "predict", folder)["optimum"]
    assert {name: value["value"] for name, value in predicted.items()} == choice
    scaled = asked(capsys, "scale", folder, "--format", "json")
    assert scaled["hyperparameters"]["lr"] == choice["lr"]
    assert {n: v["value"] for n, v in scaled["prediction"]["optimum"].items()} == choice
    notes = [note for note in scaled["notes"] if "lr 0.0" in note]
    assert len(notes) == 1 and "init_std" in notes[0]
