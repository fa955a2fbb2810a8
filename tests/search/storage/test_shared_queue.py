"""Of several processes on one study each trial is run by one, and stored once."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import optuna
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.journal import Journal
from mutransfer_cli.search.storage.location import parse_location, without_password
from mutransfer_cli.search.storage.locks import run_lock
from mutransfer_cli.search.storage.process_identity import is_dead, this_process
from mutransfer_cli.search.storage.record import Record
from mutransfer_cli.search.storage.run_directory import choose_location
from mutransfer_cli.search.storage.shared_queue import SharedTrialQueue
from mutransfer_cli.search.storage.study import Study
from tests.helpers.sweeps import RECIPE

SIZE = Size(8, 1, 4, 12)
JOBS = [Job(SIZE, seed, (("lr", 0.1),)) for seed in range(4)]
RANGES = {"lr": (0.01, 1.0, True)}


@pytest.fixture(params=["journal:study.log", "sqlite:///shared.db"])
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def claims(folder: Path, storage: str, **options: float) -> SharedTrialQueue:
    """As another process would open them: its own handle on the storage."""
    recipe = loads(RECIPE.replace("STEPS", "12"), "r.yaml").recipe
    study = Study.open(parse_location(storage, folder), recipe, create=True)
    return SharedTrialQueue(study, RANGES, {SIZE: 1.0}, **options)  # type: ignore[arg-type]


def ended(job: Job, loss: float = 1.0) -> Record:
    return Record(job.params, 8, 1, 4, 12, job.seed, "finished", loss)


def elsewhere(made: SharedTrialQueue, pid: int) -> SharedTrialQueue:
    """The same claims as those of a process on another machine: it cannot be seen from here."""
    made.process = {**made.process, "host": "other", "pid": pid, "place": "another boot"}
    return made


def test_a_claimed_trial_is_not_granted_again(tmp_path: Path, storage: str) -> None:
    a, b = claims(tmp_path, storage), elsewhere(claims(tmp_path, storage), 7)
    assert a.claim(JOBS[:3]) == JOBS[:3]
    assert b.claim(JOBS) == JOBS[3:]
    assert a.store(ended(JOBS[0]))
    assert [r.key for r in b.records()] == [JOBS[0].key]
    assert b.claim(JOBS) == []  # ended, or running


def test_of_two_claims_at_the_same_moment_the_first_holds(tmp_path: Path, storage: str) -> None:
    a, b = claims(tmp_path, storage), elsewhere(claims(tmp_path, storage), 7)
    job = JOBS[0]
    for claimant in (a, b):  # both looked before either wrote
        claimant.held[job.key] = claimant._create(job)
    assert b._confirmed([job]) == []
    assert a._confirmed([job]) == [job]
    assert a.store(ended(job))
    assert len(b.records()) == 1


def test_a_dead_process_is_followed_at_once(tmp_path: Path, storage: str) -> None:
    dead, b = claims(tmp_path, storage), elsewhere(claims(tmp_path, storage), 7)
    dead.process = {**this_process(), "started": "1"}  # its number now belongs to another process
    assert dead.claim(JOBS[:1]) == JOBS[:1]
    assert b.claim(JOBS[:1]) == JOBS[:1]


def test_silence_is_measured_by_the_own_clock(
    tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall clock jumps back a day meanwhile; a counter that moves is a sign of life."""
    a = elsewhere(claims(tmp_path, storage, beat=0.05, stale=0.4), 7)
    b = claims(tmp_path, storage, beat=0.05, stale=0.4)
    with a:
        assert a.claim(JOBS[:1]) == JOBS[:1]
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() - 86400)
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            assert b.claim(JOBS[:1]) == []
            time.sleep(0.05)
        a.closing.set()  # it stops to give signs, and goes on with its trial
        a.heartbeat.join()
        until = time.monotonic() + 20
        while not (granted := b.claim(JOBS[:1])) and time.monotonic() < until:
            time.sleep(0.05)
        assert granted == JOBS[:1]
        assert not a.store(ended(JOBS[0], loss=9.0))  # it comes too late
        assert b.store(ended(JOBS[0], loss=1.0))
    assert [r.loss for r in a.records()] == [r.loss for r in b.records()] == [1.0]


def test_what_is_left_is_given_back(tmp_path: Path, storage: str) -> None:
    with elsewhere(claims(tmp_path, storage), 7) as a:
        assert a.claim(JOBS[:2]) == JOBS[:2]
    b = claims(tmp_path, storage)
    assert b.claim(JOBS[:2]) == JOBS[:2]
    assert b.records() == []


def test_the_budget_of_trials_is_shared(tmp_path: Path, storage: str) -> None:
    a = claims(tmp_path, storage, most=3)
    b = elsewhere(claims(tmp_path, storage, most=3), 7)
    assert len(a.claim(JOBS[:2])) == 2
    assert len(b.claim(JOBS)) == 1


def test_a_process_is_dead_only_where_that_can_be_seen() -> None:
    me = this_process()
    assert not is_dead(me)
    assert is_dead({**me, "started": "1"})
    assert is_dead({**me, "pid": 2**22 + 1})
    assert not is_dead({**me, "pid": 2**22 + 1, "place": "another boot"})


def test_another_recipe_of_the_same_name_is_refused(tmp_path: Path, storage: str) -> None:
    study = claims(tmp_path, storage).study
    recipe = loads(RECIPE.replace("STEPS", "12"), "r.yaml").recipe
    study.require_same(recipe, seed=0)
    study.require_same(recipe, seed=0)
    with pytest.raises(InputError, match="seed: 0 and 1"):
        study.require_same(recipe, seed=1)
    other = loads(RECIPE.replace("STEPS", "13"), "r.yaml").recipe
    with pytest.raises(InputError, match=r"different recipe: base\.steps: 12 and 13"):
        study.require_same(other, seed=0)


def test_a_torn_line_is_taken_back(tmp_path: Path) -> None:
    """As a kill or a full disk leaves it; Optuna's own file cannot be read after the next line."""
    a = claims(tmp_path, "journal:study.log")
    assert a.claim(JOBS[:1]) == JOBS[:1]
    path = tmp_path / "study.log"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":5,"worker')
    b = claims(tmp_path, "journal:study.log")
    assert b.claim(JOBS[:2]) == JOBS[1:2]
    assert all(json.loads(line) for line in path.read_text().splitlines())
    path.write_bytes(whole + b'{"op_code":5,"worker')
    theirs = optuna.storages.journal.JournalFileBackend(str(path))
    theirs.append_logs([{"op_code": 0}])  # lost: it hangs on the torn line
    theirs.append_logs([{"op_code": 0}])
    with pytest.raises(ValueError):
        list(theirs.read_logs(0))


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("years of work")
    with pytest.raises(InputError, match="is no journal"):
        Journal(str(path))
    assert path.read_text() == "years of work"


def test_a_shared_run_directory_takes_several(tmp_path: Path) -> None:
    with (
        run_lock(tmp_path, shared=True),
        run_lock(tmp_path, shared=True),
        pytest.raises(InputError, match="another sweep"),
        run_lock(tmp_path),
    ):
        pass


def test_places_and_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = parse_location("journal:runs/a/study.log", tmp_path)
    assert inside.stored_in(tmp_path / "runs/a") == "journal:study.log"  # a run can be moved
    assert inside.stored_in(tmp_path / "runs/b") == f"journal:{tmp_path}/runs/a/study.log"
    secret = "postgresql://me:s3cret@host:5432/db?sslpassword=s3cret&sslmode=require"
    assert without_password(secret) == "postgresql://me@host:5432/db?sslmode=require"
    for wrong in ("study.db", "mysql://me:s3cret@host/db", "journal:", "redis://x"):
        with pytest.raises(InputError, match="expected journal:PATH") as caught:
            parse_location(wrong, tmp_path)
        assert "s3cret" not in str(caught.value)
    assert parse_location(secret, tmp_path).shown == (
        "postgresql://me:***@host:5432/db?sslpassword=***&sslmode=require"
    )
    with pytest.raises(InputError, match=r"--storage mysql://me:\*\*\*@host/db: expected"):
        parse_location("mysql://me:s3cret@host/db", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'mutransfer\[postgres\]'"):
        parse_location(secret, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped path, or a file system that is not mounted; the run directory is the sweep's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for wrong, why in (
        ("journal:no/such/x.log", f"{tmp_path}/no/such does not exist"),
        (f"journal:{tmp_path}/no/x.log", f"{tmp_path}/no does not exist"),
        ("sqlite:///no/x.db", f"{tmp_path}/no does not exist"),
        ("journal:file/x.log", f"{tmp_path}/file is not a folder"),
    ):
        with pytest.raises(InputError, match=f"--storage {wrong}: {why}; create it first"):
            choose_location(Path("runs/a"), wrong)
    assert os.listdir(tmp_path) == ["file"]
    assert choose_location(Path("runs/a"), "journal:runs/a/x.log").shown == "journal:runs/a/x.log"
    assert choose_location(Path("runs/a"), "journal:x.log").named == f"journal:{tmp_path}/x.log"


def test_messages_show_what_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = loads(RECIPE.replace("STEPS", "12"), "r.yaml").recipe
    (tmp_path / "text").write_text("no study\n" * 100)
    for typed in ("journal:text", "sqlite:///text"):
        with pytest.raises(InputError) as caught:
            Study.open(parse_location(typed, tmp_path), recipe, create=True)
        assert str(caught.value).startswith(f"{typed}: ")
    remembered = parse_location("journal:text", tmp_path, "environment.json: storage")
    assert remembered.shown == f"journal:{tmp_path}/text"
