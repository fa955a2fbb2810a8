"""Logging: off by default, by option or variable, in lines or JSON, also from workers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.helpers.warm_start import run_command

RECIPE = """\
name: logged
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 2}
base: {width: 16, depth: 1, batch: 8, steps: 3}
search: {space: {lr: {choice: [0.01, 0.02]}}, seeds: 1}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def sweep(recipe: Path, *options: str, log: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"MUTRANSFER_LOG": log or ""}
    return run_command(
        "sweep", recipe, "--run", "run", *options, folder=recipe.parent, environment=environment
    )


def test_off_by_default(recipe: Path) -> None:
    done = sweep(recipe)
    assert done.returncode == 0, done.stderr
    assert " info " not in done.stderr and " debug " not in done.stderr


def test_v_logs_the_choice_of_engine(recipe: Path) -> None:
    done = sweep(recipe, "-v")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if " info " in line]
    assert any("engine" in line for line in lines), done.stderr
    assert " debug " not in done.stderr


def test_vv_logs_details_too(recipe: Path) -> None:
    done = sweep(recipe, "-vv")
    assert " debug " in done.stderr, done.stderr


def test_json_lines(recipe: Path) -> None:
    """One object a line on stderr; stdout still holds the one document."""
    done = sweep(recipe, "--json", log="info,json")
    json.loads(done.stdout)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert lines and all(
        set(line) == {"time", "level", "logger", "process", "message"} for line in lines
    )
    assert {line["level"] for line in lines} <= {"info", "warning"}


def test_the_option_comes_before_the_variable(recipe: Path) -> None:
    done = sweep(recipe, "-vv", log="warning")
    assert " debug " in done.stderr


def test_a_bad_variable_is_one_line(recipe: Path) -> None:
    done = sweep(recipe, log="loud")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "MUTRANSFER_LOG=loud" in done.stderr and "debug" in done.stderr


def test_debug_shows_a_traceback_and_its_absence_does_not(recipe: Path) -> None:
    missing = recipe.with_name("missing.yaml")
    assert "Traceback" not in sweep(missing).stderr
    assert "Traceback" in sweep(missing, "--debug").stderr
