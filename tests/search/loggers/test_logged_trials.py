"""Each trial is logged once over all calls of a sweep, and a tracker that fails ends no sweep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mutransfer_cli.catalog.loggers import LOGGERS, LoggerEntry
from mutransfer_cli.search.loggers.logged_trials import LoggedTrials
from mutransfer_cli.search.loggers.trial_log import TrialLog
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.run import Run
from tests.helpers.registries import add
from tests.helpers.sweeps import TRIALS, run_sweep, write_recipe

RECORDS = [Record({"lr": 2.0**-i}, 32, 2, 16, 40, 1, "finished", 1.5) for i in range(4)]


class ListLogger:
    """Keeps what is logged; breaks at the trial that `breaks_at` counts."""

    logged: list[TrialLog] = []  # noqa: RUF012  # of all its objects: the sweep makes them
    breaks_at: int | None = None

    def __init__(self, run: Path, study: str) -> None:
        self.study = study

    def log(self, trial: TrialLog) -> None:
        if len(self.logged) == self.breaks_at:
            raise RuntimeError("no connection\nto the server")
        self.logged.append(trial)

    def close(self) -> None:
        pass


ENTRY = LoggerEntry(name="listed", summary="a list", implementation=f"{__name__}:ListLogger")


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[TrialLog]:
    add(monkeypatch, LOGGERS, ENTRY)
    monkeypatch.setattr(ListLogger, "logged", [])
    monkeypatch.setattr(ListLogger, "breaks_at", None)
    return ListLogger.logged


def opened(run: Path, notes: list[str]) -> LoggedTrials:
    trackers = LoggedTrials(run, notes.append)
    trackers.open([ENTRY], "study")
    return trackers


def test_a_second_call_logs_what_is_missing(tmp_path: Path, logged: list[TrialLog]) -> None:
    notes: list[str] = []
    opened(tmp_path, notes).add(RECORDS[:2])
    trackers = opened(tmp_path, notes)
    trackers.add(RECORDS)
    trackers.add(RECORDS[3:])
    assert [t.id for t in logged] == [TrialLog.of(r).id for r in RECORDS]
    assert notes == []


def test_another_process_in_the_same_directory_is_seen(
    tmp_path: Path, logged: list[TrialLog]
) -> None:
    first, second = opened(tmp_path, []), opened(tmp_path, [])
    first.add(RECORDS[:1])
    second.add(RECORDS[:3])
    first.add(RECORDS)
    assert len(logged) == 4


def test_a_trial_that_ends_otherwise_later_is_logged_again(
    tmp_path: Path, logged: list[TrialLog]
) -> None:
    trackers = opened(tmp_path, [])
    trackers.add([replace(RECORDS[0], outcome="failed", loss=None)])
    trackers.add(RECORDS[:1])
    assert [t.outcome for t in logged] == ["failed", "finished"]


def test_a_tracker_that_fails_is_left_out_and_completed_later(
    tmp_path: Path, logged: list[TrialLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ListLogger, "breaks_at", 1)
    notes: list[str] = []
    trackers = opened(tmp_path, notes)
    trackers.add(RECORDS[:2])
    trackers.add(RECORDS[2:])
    (note,) = notes
    assert note.startswith("--log listed failed: no connection; the sweep goes on without it")
    assert len(logged) == 1
    monkeypatch.setattr(ListLogger, "breaks_at", None)
    opened(tmp_path, notes).add(RECORDS)
    assert [t.id for t in logged] == [TrialLog.of(r).id for r in RECORDS]


def test_a_sweep_logs_its_trials_and_a_resumed_one_the_earlier(
    tmp_path: Path, logged: list[TrialLog]
) -> None:
    path = write_recipe(tmp_path)
    run_sweep(path, tmp_path / "run")
    assert logged == []
    run_sweep(path, tmp_path / "run", loggers=["listed"])
    assert len({t.id for t in logged}) == TRIALS == len(logged)
    records = {TrialLog.of(r).id: r for r in Run.open(tmp_path / "run").records}
    assert {t.id: (t.curve, t.metrics["loss"]) for t in logged} == {
        key: (r.curve, r.loss) for key, r in records.items()
    }
    wider = write_recipe(tmp_path, **{"seeds: 2": "seeds: 3"})
    run_sweep(wider, tmp_path / "other", loggers=["listed"])
    assert len(logged) == TRIALS + TRIALS * 3 // 2  # a run directory of its own
