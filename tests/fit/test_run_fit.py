"""The fit of a run: read once, and provisional while its sweep is unfinished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log2
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mutransfer_cli.cli.main import app
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.fit.study_fit import StudyFit, fit_study
from mutransfer_cli.recipe import load
from mutransfer_cli.recipe.yaml_source import YamlSource
from mutransfer_cli.search.storage.run import Run
from tests.helpers.loss_curves import sweep
from tests.helpers.run_directories import finished_run


def study(optima: dict[int, float]) -> StudyFit:
    return fit_study(sweep(np.random.default_rng(1), optima))


def test_an_answer_stays_beside_the_note() -> None:
    finished = study({32: -6.1, 64: -6.1, 128: -6.1})
    assert finished.verdict == "holds" and finished.document().notes == ()
    provisional = replace(finished, unfinished="n of m").document()
    assert provisional.reason == finished.reason
    assert provisional.notes == ("n of m",)


def test_no_advice_for_a_recipe_whose_sweep_is_unfinished() -> None:
    finished = study({64: -6.1})
    assert finished.verdict == "inconclusive" and "add a width" in finished.reason
    provisional = replace(finished, unfinished="n of m").document()
    assert provisional.reason == "n of m" and provisional.notes == ("n of m",)


def test_one_fit_reads_the_recipe_of_its_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fit --plot` and `summary`: fit, completeness check and plot share one Run."""
    path = finished_run(tmp_path / "run")
    parsed: list[Path] = []
    build = load._build

    def counted(source: YamlSource, sets: Sequence[str], name: Path) -> load.LoadedRecipe:
        parsed.append(name)
        return build(source, sets, name)

    monkeypatch.setattr(load, "_build", counted)
    done = CliRunner().invoke(app, ["fit", str(path), "--plot", str(tmp_path / "fit.png")])
    assert done.exit_code == 0, (done.output, done.exception)
    assert parsed == [path / "recipe.yaml"]
    parsed.clear()
    assert CliRunner().invoke(app, ["summary", str(path)]).exit_code == 0
    assert parsed == [path / "recipe.yaml"]


def test_the_fit_of_a_run_is_that_of_its_trials(tmp_path: Path) -> None:
    found = fit_run(Run.open(finished_run(tmp_path)))
    assert found.unfinished is None and found.verdict == "holds"
    assert [rung.sizes for rung in found.answers.rungs] == [
        {"width": w, "depth": 2, "batch": 16, "steps": 40} for w in (8, 16, 32)
    ]
    for rung in found.document().rungs:
        assert rung.optimum is not None and rung.width is not None
        assert log2(rung.optimum["lr"].value) == pytest.approx(-6.2, abs=2e-3)
        # between two seeds
        assert rung.loss == pytest.approx(2 + 3 / rung.width + 0.005, rel=1e-4)
