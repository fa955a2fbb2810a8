"""Whatever dies, hangs or goes away: every trial is stored once, and the answer is the same."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.executors import local
from mutransfer_cli.search.record import Key
from mutransfer_cli.search.resume.study_survey import survey
from mutransfer_cli.search.storage import optuna_storage
from mutransfer_cli.search.storage.journal import Journal
from mutransfer_cli.search.storage.location import StorageLocation
from mutransfer_cli.search.storage.optuna_storage import Storage
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.storage.run_directory import CURVES
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.checkpoint.checkpointer import FOLDER
from tests.helpers.postgres import Server, postgres
from tests.helpers.sweeps import HANGING, TRIALS, group_is_gone, write_recipe
from tests.helpers.waiting import wait_until
from tests.helpers.watched_models import module_that_runs

STEPS = 80
SLURM = Path(__file__).parents[2] / "examples" / "slurm"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[Key, float | None]:
    """The losses of a sweep that nothing disturbed, without any claims."""
    folder = tmp_path_factory.mktemp("truth")
    sweep(load(write_recipe(folder, steps=STEPS)), folder / "run", device="cpu", workers=2)
    return losses(folder / "run")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg2")
    with postgres() as found:
        if found is None:
            pytest.skip("PostgreSQL's initdb is not installed (Debian: postgresql)")
        yield found


def losses(run: Path) -> dict[Key, float | None]:
    records = Run.open(run).records
    assert len({r.key for r in records}) == len(records)
    return {r.key: r.loss for r in records}


def started(path: Path, run: Path, storage: str | None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mutransfer_cli", "sweep", str(path), "--run", str(run)]
    command += ["--engine", "one-by-one"]  # exactly the losses of another sweep, see conftest.py
    return subprocess.Popen(
        [*command, *(["--storage", storage] if storage else []), "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ends(journal: Path) -> int:
    """Ended trials in a journal, or in the run's own database."""
    if journal.suffix == ".db":
        try:
            with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
                return int(connection.execute("select count(*) from trials").fetchone()[0])
        except sqlite3.Error:
            return 0
    return journal.read_text().count('"outcome"') if journal.is_file() else 0


def workers_of(driver: int) -> list[int]:
    """The driver's children that train: forked from it, or started in the place of such."""
    found = subprocess.run(
        ["pgrep", "-P", str(driver), "-a"],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in found.stdout.splitlines() if "resource_tracker" not in line]
    return [int(line.split()[0]) for line in lines]


def wait_for(ended: int, journal: Path, process: subprocess.Popen[str]) -> None:
    assert wait_until(lambda: ends(journal) >= ended or process.poll() is not None, 120)


@pytest.mark.parametrize(
    ("kills", "storage"),
    [
        pytest.param(5, "journal:{run}/study.log", id="5", marks=pytest.mark.slow),
        pytest.param(50, "journal:{run}/study.log", id="50-journal", marks=pytest.mark.slow),
        pytest.param(50, None, id="50-own", marks=pytest.mark.slow),
    ],
)
def test_kills_at_random_moments(
    kills: int, storage: str | None, tmp_path: Path, truth: dict[Key, float | None]
) -> None:
    """kill -9 of the driver, or of a worker, while it starts, trains or writes."""
    path, run, random = write_recipe(tmp_path, steps=STEPS), tmp_path / "run", Random(kills)
    place = None if storage is None else storage.format(run=run)
    journal = run / ("study.db" if place is None else "study.log")
    process = started(path, run, place)
    for kill in range(kills):
        wait_for(min(TRIALS - 1, 1 + kill * TRIALS // kills), journal, process)
        time.sleep(random.uniform(0, 0.3))  # the random moment
        of_worker = kill % 2 == 1 and workers_of(process.pid)
        if of_worker:
            os.kill(random.choice(of_worker), signal.SIGKILL)
        else:
            process.kill()
            process.communicate()
            assert group_is_gone(process.pid)
            process = started(path, run, place)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert losses(run) == truth
    assert (run / CURVES).is_file()


# In the middle of a trial it waits until two sweeps have claimed trials.
SHARING = module_that_runs(
    """
    journal, until = pathlib.Path("FOLDER/study.log"), time.monotonic() + 120
    while self.calls == 40 and journal.is_file() and time.monotonic() < until:
        if len(set(re.findall('"owner": ?"([^"]+)"', journal.read_text()))) > 1:
            break
        time.sleep(0.05)
    """
)


def test_two_sweeps_share_and_one_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its own run directory; the one that is left does the rest at once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sharing.py").write_text(SHARING.replace("FOLDER", str(tmp_path)))
    changes = {"{build: mlp}": '{build: "sharing:build"}', "{width: 8, depth: 1": "{width: 8"}
    path, journal = write_recipe(tmp_path, steps=STEPS, **changes), tmp_path / "study.log"
    sweep(load(path), tmp_path / "alone", device="cpu", workers=2, engine="one-by-one")
    one, two = (started(path, tmp_path / name, f"journal:{journal}") for name in "ab")
    wait_for(3, journal, one)
    one.kill()
    one.communicate()
    _, errors = two.communicate(timeout=300)
    assert two.returncode == 0, errors
    assert losses(tmp_path / "b") == losses(tmp_path / "alone")
    owners = Counter(t.split('"owner":"')[1].split('"')[0] for t in claims(journal))
    assert len(owners) == 2  # both had a share


def claims(journal: Path) -> list[str]:
    return [line for line in journal.read_text().splitlines() if '"owner"' in line]


def job_of_an_array(folder: Path) -> subprocess.Popen[str]:
    """The example's batch script, as SLURM's node would run it."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / "mutransfer"
    program.write_text(f'#!/bin/bash\nexec {sys.executable} -m mutransfer_cli "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", str(SLURM / "sweep.sbatch")],
        cwd=folder,
        env={**os.environ, "PATH": path, "RUNS": str(folder / "runs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


# A model that leaves a mark in the middle of each training.
LASTING = module_that_runs(
    """
    if self.calls == 1000:
        with pathlib.Path("underway").open("a") as marks:
            marks.write("x")
    """
)


def test_sigterm_saves_what_trains_and_gives_it_back(tmp_path: Path) -> None:
    """A job of the example's array whose time is up; another goes on from its checkpoint.

    The first of two trials has ended, and the second is under way.
    """
    (tmp_path / "lasting.py").write_text(LASTING)
    changes = {
        "{build: mlp}": '{build: "lasting:build"}',
        "{width: 8, depth: 1": "{width: 8",
        "[8, 16]": "[8]",
        "[-4, -2]": "[-3, -2]",
    }
    text = write_recipe(tmp_path, steps=4000, **changes).read_text()
    (tmp_path / "recipe.yaml").write_text(text.replace("seeds: 2", "seeds: 1"))
    run = tmp_path / "runs" / "slurm-gpt"
    job = job_of_an_array(tmp_path)
    marks = tmp_path / "underway"

    def second_trains() -> bool:
        return marks.is_file() and len(marks.read_text()) == 2

    assert wait_until(lambda: second_trains() or job.poll() is not None, 120)
    assert job.poll() is None, job.communicate()
    assert len(claims(run / "study.log")) == 2
    job.terminate()
    _, errors = job.communicate(timeout=60)
    assert job.returncode == 130, errors
    assert "run the same command again to resume" in errors and "Traceback" not in errors
    assert group_is_gone(job.pid)
    assert "given back" in (run / "study.log").read_text()
    assert len(list((run / FOLDER).iterdir())) == 1
    another = job_of_an_array(tmp_path)
    _, errors = another.communicate(timeout=300)
    assert another.returncode == 0, errors
    assert len(losses(run)) == 2  # the run directory remembers the storage
    assert not (run / FOLDER).exists()


def test_the_database_server_goes_away_and_comes_back(
    tmp_path: Path, server: Server, truth: dict[Key, float | None]
) -> None:
    path, run = write_recipe(tmp_path, steps=STEPS), tmp_path / "run"
    process = started(path, run, server.url)

    def progress_beyond(trials: int) -> bool:
        return server.trials() > trials or process.poll() is not None

    assert wait_until(lambda: progress_beyond(2))
    for _ in range(2):
        before = server.trials()
        server.stop()  # immediate: as a crash
        assert server.turns_away(process)
        server.start()
        assert wait_until(lambda before=before: progress_beyond(before))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert losses(run) == truth
    assert server.trials() >= TRIALS
    for file in run.iterdir():
        assert b"s3cret" not in file.read_bytes(), file


def test_a_survey_makes_no_tables(tmp_path: Path, server: Server) -> None:
    import psycopg2

    def tables() -> int:
        with psycopg2.connect(server.url) as connection, connection.cursor() as cursor:
            cursor.execute("select count(*) from pg_tables where schemaname = 'public'")
            return int(cursor.fetchone()[0])

    recipe, before = load(write_recipe(tmp_path)).recipe.model_copy(update={"name": "x"}), tables()
    (found,) = survey(StorageLocation("postgresql", server.url, shared=True), recipe, 0)
    assert "no study 'x' yet" in found and "s3cret" not in found
    assert tables() == before


def test_a_connection_lost_inside_a_transaction_is_the_server_s_absence() -> None:
    from sqlalchemy.exc import IntegrityError, OperationalError, PendingRollbackError

    storage = Storage.__new__(Storage)  # no server is asked
    storage.location = StorageLocation("postgresql", "postgresql://127.0.0.1:1/none", shared=True)
    for error in (OperationalError("", {}, Exception()), PendingRollbackError("rolled back")):
        wrapped = RuntimeError()
        wrapped.__cause__ = error
        assert storage.is_outage(error) and storage.is_outage(wrapped)
    assert not storage.is_outage(IntegrityError("", {}, Exception()))


def waited_for(monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> int:
    """How many tries are made at a server that answers with these texts, and then lets in."""
    import optuna
    from sqlalchemy.exc import OperationalError

    tries = []

    def connect(*_: object, **__: object) -> str:
        tries.append(1)
        if len(tries) <= len(texts):
            raise OperationalError("", {}, Exception(texts[len(tries) - 1]))
        return "storage"

    monkeypatch.setattr(optuna.storages, "RDBStorage", connect)
    monkeypatch.setattr(optuna_storage, "START_PAUSE", 0.0)
    try:
        Storage(StorageLocation("postgresql", "postgresql://127.0.0.1:1/none", shared=True))
    except OperationalError:
        return -len(tries)
    return len(tries)


def test_a_server_that_is_starting_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, starting = "Connection refused", "FATAL: the database system is starting up"
    assert waited_for(monkeypatch, [refused, refused, starting]) == 4
    assert waited_for(monkeypatch, ["FATAL: password authentication failed"]) == -1
    monkeypatch.setattr(optuna_storage, "ABSENCE_LIMIT", -1.0)
    assert waited_for(monkeypatch, [starting, starting]) == 3
    assert waited_for(monkeypatch, [starting, refused]) == -2  # the control: no patience for it
    monkeypatch.setattr(optuna_storage, "OUTAGE_LIMIT", -1.0)
    assert waited_for(monkeypatch, [starting]) == -1


@pytest.mark.parametrize("in_recovery", [False, True])
def test_a_postgresql_server_that_starts_after_the_sweep(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, in_recovery: bool
) -> None:
    """First nothing listens; with `in_recovery` the server then says that it is starting up."""
    held = server.folder / "held"
    answers: list[str] = []
    limit = optuna_storage.start_limit

    def heard(error: BaseException) -> float:
        answers.append(str(error))
        return limit(error)

    def pause(_: float) -> None:
        """Start the server after the first try, and let it in after the third."""
        if len(answers) == 1 and in_recovery:
            server.start_in_recovery(held)
        elif len(answers) == 1:
            server.start()
        elif any("starting up" in answer for answer in answers):
            held.unlink(missing_ok=True)
        time.sleep(0.05)

    server.stop(mode="fast")
    monkeypatch.setattr(optuna_storage, "start_limit", heard)
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=pause)
    monkeypatch.setattr(optuna_storage, "time", clock)
    monkeypatch.setattr(optuna_storage, "ABSENCE_LIMIT", 60.0)
    location = StorageLocation("postgresql", server.url, shared=True)
    assert Storage(location).optuna.get_all_studies() is not None
    assert "Connection refused" in answers[0]
    assert any("starting up" in answer for answer in answers) == in_recovery


def test_a_server_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg2")
    monkeypatch.setattr(optuna_storage, "ABSENCE_LIMIT", 0.1)
    with pytest.raises(InputError, match="cannot be read or written") as caught:
        sweep(
            load(write_recipe(tmp_path)),
            tmp_path / "run",
            device="cpu",
            storage="postgresql://me:s3cret@127.0.0.1:1/none",
        )
    assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("postgresql://me:***@127.0.0.1:1/none: ")
    sweep(load(write_recipe(tmp_path)), tmp_path / "run", device="cpu")  # and is not remembered


def test_a_trial_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a forward pass nobody looks at a clock: the driver ends the worker."""
    (tmp_path / "sleeper.py").write_text(HANGING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "TIMEOUT_GRACE", 1.0)
    path = write_recipe(
        tmp_path,
        **{
            "{build: mlp}": '{build: "sleeper:build"}',
            "{width: 8, depth: 1": "{width: 8",
            "[-4, -2]": "[-3, -2]",
            "extend: 0": "extend: 0, timeout: 20",
        },
    )
    sweep(load(path), tmp_path / "run", device="cpu", workers=2)
    records = Run.open(tmp_path / "run").records
    assert len(records) == 2 * 2 * 2
    hung = {(r.width, r.seed) for r in records if r.outcome == "failed"}
    assert hung == {(16, 1)}
    assert all("search.timeout" in (r.why or "") for r in records if r.outcome == "failed")
    assert sum(r.outcome == "finished" for r in records) == 6


def test_a_full_disk_leaves_the_journal_whole(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: a write is cut off in the middle."""
    journal = Journal(str(tmp_path / "study.log"))
    journal.append_logs([{"op_code": 0, "n": 1}])
    before = (tmp_path / "study.log").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(OSError):
            journal.append_logs([{"op_code": 0, "n": "x" * 1000}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "study.log").read_bytes() == before
    journal.append_logs([{"op_code": 0, "n": 2}])
    assert [log["n"] for log in journal.read_logs(0)] == [1, 2]
