"""`mutransfer watch`: one state, a sweep that ends meanwhile, and the time left."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.cli import watch as command
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.report.watch_state import watch_state
from mutransfer_cli.report.working_time import working_seconds
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.location import own_location
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.storage.run_directory import describe_environment, prepare
from mutransfer_cli.search.storage.study import Study
from tests.helpers.commands import run
from tests.helpers.run_directories import RECIPE
from tests.helpers.sweeps import proposed

SECONDS = {8: 1.0, 16: 2.0, 32: 4.0}


def add(path: Path, start: int, stop: int) -> int:
    """Add trials of the grid to a run; the number of all trials of the grid."""
    recipe = loads(RECIPE).recipe
    if not path.exists():
        prepare(path, recipe, describe_environment("cpu", 0, "none"))
    study = Study.open(own_location(path), recipe, create=True)
    jobs = proposed(recipe)
    for i, job in enumerate(jobs[start:stop], start):
        size = job.size
        curve = tuple((step, 3.0 - step / 40) for step in range(40))
        outcome = "diverged" if i == 1 else "finished"
        loss = None if i == 1 else 2 + 3 / size.width + 0.001 * i
        study.add(
            Record(
                job.params, size.width, size.depth, size.batch, size.steps, job.seed, outcome,
                loss, seconds=SECONDS[size.width], curve=curve,
            ),
            {"lr": (2.0**-30, 2.0**30, True)},
        )  # fmt: skip
    return len(jobs)


def test_one_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    total = add(tmp_path / "run", 0, 4)
    assert run("watch", tmp_path / "run", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["state"], values["done"], values["total"]) == ("unfinished", 4, total)
    assert values["diverged"] == 1 and len(values["rungs"]) == 3
    best = min(values["rungs"], key=lambda r: r["loss"] or 9)
    assert best["curve"][0] > best["curve"][-1] and len(best["curve"]) == 32
    monkeypatch.setenv("COLUMNS", "80")
    assert run("watch", tmp_path / "run", "--once") == 0
    text = capsys.readouterr().out
    assert f"unfinished: 4 of {total} trials, 1 diverged" in " ".join(text.split())
    assert "█" in text and max(map(len, text.splitlines())) <= 80


def test_it_ends_with_the_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    total = add(path, 0, 4)
    pauses: list[float] = []

    def sweep_on(seconds: float) -> None:
        pauses.append(seconds)
        assert len(pauses) == 1, "it goes on after the sweep has ended"
        add(path, 4, total)

    monkeypatch.setattr(command.time, "sleep", sweep_on)
    assert run("watch", path) == 0
    text = capsys.readouterr().out
    assert pauses == [10.0]
    assert text.index("unfinished: 4 of") < text.index(f"finished: {total} of {total}")


def test_the_time_left_follows_the_pace(tmp_path: Path) -> None:
    """Half of the work in ten seconds leaves ten seconds; work is counted in worker seconds."""
    total = add(tmp_path / "run", 0, 21)
    state = Run.open(tmp_path / "run")
    assert state.started is not None
    done = sum(r.seconds for r in state.records)
    seen: dict[int, list[float]] = {}
    for r in state.records:
        seen.setdefault(r.width, []).append(r.seconds)
    dearest = max(own[0] for own in seen.values())
    rest: list[Any] = proposed(loads(RECIPE).recipe)[21:total]
    left = sum(SECONDS[j.size.width] if j.size.width in seen else dearest for j in rest)
    document = watch_state(state, state.started + timedelta(seconds=10))
    assert document.seconds_left == pytest.approx(10 * left / done)


@pytest.mark.parametrize(
    ("endings", "now", "expected"),
    [
        ([(10, 10), (20, 10)], 25, 25),  # one worker that never rests
        ([(10, 10), (14, 10), (24, 10)], 24, 24),  # two: 0-10, 4-14, 14-24
        ([(10, 10), (100, 10)], 100, 20),  # killed after the first, resumed at 90
        ([(10, 10)], 86_400, 20),  # one ended; since then at most one more has trained
        ([(12, 3)] * 4, 12, 12),  # a population of four, stored together
        ([(112, 3)] * 4, 112, 12),  # the same, started at 100
        ([], 60, 0),
    ],
)
def test_time_in_which_nothing_trained_does_not_count(
    endings: list[tuple[float, float]], now: float, expected: float
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    stored = [(start + timedelta(seconds=end), seconds) for end, seconds in endings]
    found = working_seconds(stored, start, start + timedelta(seconds=now))
    assert found == pytest.approx(expected)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert run("watch", tmp_path) == 2


def test_only_what_is_done_is_complete() -> None:
    """1,000 of 1,002 is 99.8 %; rounded to the nearest, it would read 100."""
    counts = ((1000, 1002), (1002, 1002), (0, 5), (0, 0))
    assert [command.part(*n, 100) for n in counts] == [99, 100, 0, 100]


def test_a_pipe_gets_each_state_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is buffered as a pipe is; what it holds while `watch` waits is what a reader sees."""
    add(tmp_path / "run", 0, 4)
    seen: list[str] = []

    def wait(seconds: float) -> None:
        seen.append((tmp_path / "log").read_text())
        raise KeyboardInterrupt

    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        monkeypatch.setattr(sys, "stdout", log)
        monkeypatch.setattr(command.time, "sleep", wait)
        with pytest.raises(KeyboardInterrupt):
            command.watch(tmp_path / "run")
    assert "unfinished: 4 of" in seen[0] and "trials" in seen[0]
