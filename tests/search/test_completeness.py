"""A fit of a sweep that is under way says so, and gives no advice for the recipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.completeness import unfinished
from mutransfer_cli.search.progress import Event
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep
from tests.helpers.sweeps import TRIALS, write_recipe

ADVICE = ("add a width", "add seeds", "longer ladder")


def stopped(path: Path, run: Path, after: int) -> None:
    """A sweep that is interrupted when so many trials have ended."""

    def impatient(event: Event) -> None:
        if event.done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(
            load(path),
            run,
            device="cpu",
            workers=1,
            engine="one-by-one",
            on_progress=impatient,
        )
    assert len(Run.open(run).records) == after


def test_of_a_grid(tmp_path: Path) -> None:
    path, run = write_recipe(tmp_path), tmp_path / "run"
    stopped(path, run, 8)
    told = f"the sweep is not finished: 8 of {TRIALS} trials have ended"
    found = fit_run(Run.open(run)).document()
    assert found.verdict == "inconclusive" and found.reason in found.notes
    assert found.reason.startswith(told) and "run the same sweep command again" in found.reason
    assert not any(advice in found.reason for advice in ADVICE)
    command = [sys.executable, "-m", "mutransfer_cli", "fit", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 3 and done.stdout.count(told) == 1
    sweep(load(path), run, device="cpu", workers=1)
    whole = fit_run(Run.open(run)).document()  # the control
    assert whole.notes == () and "not finished" not in whole.reason


@pytest.mark.parametrize(
    ("sampler", "asked"),
    [
        ("sobol", 8),  # by the budget: 2 widths × 2 seeds × 2 settings
        ("tpe", 8),
        ("adaptive", 8),  # so far: the first rates of the smallest rung
    ],
)
def test_of_samplers_that_ask_as_they_go(sampler: str, asked: int, tmp_path: Path) -> None:
    budget = ", budget: {trials: 8}" if sampler != "adaptive" else ""
    changes = {"extend: 0": f"extend: 0, sampler: {sampler}{budget}"}
    path, run = write_recipe(tmp_path, **changes), tmp_path / "run"
    path.write_text(path.read_text().replace("[-4, -2]", "[-8, -2]"))
    stopped(path, run, 2)
    told = unfinished(Run.open(run))
    assert told is not None and f": 2 of {asked} trials" in told


def test_of_a_sweep_that_its_budget_ended(tmp_path: Path) -> None:
    """The same command would train nothing more."""
    path, run = (
        write_recipe(tmp_path, **{"extend: 0": "extend: 0, budget: {trials: 8}"}),
        tmp_path / "r",
    )
    sweep(load(path), run, device="cpu", workers=1, engine="one-by-one")
    told = unfinished(Run.open(run))
    assert told is not None
    assert f"8 of {TRIALS} trials" in told and "search.budget.trials: 8 reached" in told
    assert "same sweep command" not in told
