"""A run directory is read once, whoever asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.storage import run as run_module
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.storage.run_directory import CURVES, ENVIRONMENT
from tests.helpers.run_directories import finished_run


def test_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = finished_run(tmp_path / "run")
    calls: list[str] = []

    def counted(name: str) -> None:
        original = getattr(run_module, name)

        def call(*arguments: object) -> object:
            calls.append(name)
            return original(*arguments)

        monkeypatch.setattr(run_module, name, call)

    counted("load")
    counted("read_environment")
    opened = Run.open(path)
    for _ in range(2):
        assert opened.recipe.name == "bowls"
        assert opened.seed == 0 and opened.environment["device"] == "cpu"
        assert len(opened.records) == len(opened.observations) == 3 * 7 * 2
        assert opened.location.address == str((path / "study.db").resolve())
    assert sorted(calls) == ["load", "read_environment"]
    assert opened.records is opened.records


def test_failed_trials_are_no_observations(tmp_path: Path) -> None:
    opened = Run.open(finished_run(tmp_path / "run"))
    first = opened.records[0]
    object.__setattr__(first, "outcome", "failed")
    assert len(opened.observations) == len(opened.records) - 1


def test_curves_are_arrays_by_trial(tmp_path: Path) -> None:
    path = finished_run(tmp_path / "run")
    assert Run.open(path).curves == {}
    np.savez(path / CURVES, trial=np.zeros((2, 5)))
    assert {name: c.shape for name, c in Run.open(path).curves.items()} == {"trial": (2, 5)}


def test_what_is_missing_or_damaged_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; `mutransfer sweep RECIPE --run"):
        Run.open(tmp_path / "none")
    with pytest.raises(InputError, match="is not a run directory"):
        Run.open(tmp_path)
    path = finished_run(tmp_path / "run")
    (path / ENVIRONMENT).unlink()
    assert Run.open(path).environment == {} and Run.open(path).seed == 0
    (path / ENVIRONMENT).write_text("{")
    with pytest.raises(InputError, match="not a JSON file"):
        _ = Run.open(path).environment
