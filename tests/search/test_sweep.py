"""A sweep is stored whole, goes on where it stopped, and repeats nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import optuna
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load, loads
from mutransfer_cli.search import rung_times
from mutransfer_cli.search.estimate import dry_run
from mutransfer_cli.search.grouping import engine as chooser
from mutransfer_cli.search.storage.location import DATABASE
from mutransfer_cli.search.storage.locks import run_lock
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.storage.run_directory import CURVES, ENVIRONMENT
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.engine.choose import EngineChoice, Timing
from tests.helpers.sweeps import TRIALS, group_is_gone, run_sweep, write_recipe
from tests.helpers.waiting import wait_until


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    run_sweep(write_recipe(folder), folder / "run")
    return folder / "run"


def test_everything_is_in_the_run_directory(done: Path) -> None:
    records = Run.open(done).records
    assert len(records) == len({r.key for r in records}) == TRIALS
    assert Counter(r.width for r in records) == {8: 6, 16: 6}
    assert all(r.outcome == "finished" and r.loss is not None for r in records)
    environment = json.loads((done / ENVIRONMENT).read_text())
    assert environment["seed"] == 0 and environment["data_digest"].startswith("teacher")
    curves = np.load(done / CURVES, allow_pickle=False)
    assert len(curves.files) == TRIALS
    assert curves[curves.files[0]].shape == (2, 12)


def test_optuna_opens_it_as_it_is(done: Path) -> None:
    study = optuna.load_study(study_name="small", storage=f"sqlite:///{done / DATABASE}")
    best = study.best_trial
    assert best.user_attrs["width"] in {8, 16}
    assert best.value == min(r.loss for r in Run.open(done).records if r.loss is not None)


def test_again_it_repeats_nothing(done: Path) -> None:
    before = Run.open(done).records
    _, events = run_sweep(done / "recipe.yaml", done)
    assert Run.open(done).records == before
    assert events == []


def test_numbers_do_not_depend_on_the_number_of_workers(done: Path, tmp_path: Path) -> None:
    loaded = load(done / "recipe.yaml")
    sweep(loaded, tmp_path / "run", device="cpu", workers=1)
    one = {r.key: r.loss for r in Run.open(tmp_path / "run").records}
    assert one == {r.key: r.loss for r in Run.open(done).records}


def test_a_different_recipe_is_refused(done: Path, tmp_path: Path) -> None:
    other = write_recipe(tmp_path, **{"lr: 0.1": "lr: 0.2"})
    with pytest.raises(InputError, match=r"different recipe: optimizer\.lr: 0\.1 and 0\.2"):
        run_sweep(other, done)
    with pytest.raises(InputError, match="made with seed 0, now 7"):
        run_sweep(done / "recipe.yaml", done, seed=7)


def test_a_grown_recipe_goes_on(done: Path, tmp_path: Path) -> None:
    """Seeds 2 → 3, a third rung and a fourth rate: 3 · 3 · 4 trials, those of before among them."""
    run = tmp_path / "run"
    shutil.copytree(done, run)
    before = Run.open(run).records
    changes = {"seeds: 2": "seeds: 3", "[8, 16]": "[4, 8, 16]", "[-4, -2]": "[-5, -2]"}
    run_sweep(write_recipe(tmp_path, **changes), run)
    after = Run.open(run)
    assert after.recipe.search.seeds == 3
    assert all(record in after.records for record in before)
    assert len(after.records) == len({r.key for r in after.records}) == 3 * 3 * 4
    refused = r"different recipe: .* \(a search by grid without pruning goes on"
    with pytest.raises(InputError, match=refused):
        run_sweep(write_recipe(tmp_path), run)


def test_a_second_sweep_at_a_time_is_refused(done: Path) -> None:
    with run_lock(done), pytest.raises(InputError, match="another sweep is running"):
        run_sweep(done / "recipe.yaml", done)


def test_a_newer_study_is_refused(done: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for file in done.iterdir():
        (run / file.name).write_bytes(file.read_bytes())
    study = optuna.load_study(study_name="small", storage=f"sqlite:///{run / DATABASE}")
    study.set_user_attr("mutransfer_version", 99)
    with pytest.raises(InputError, match="newer mutransfer"):
        _ = Run.open(run).records
    assert len(Run.open(done).records) == TRIALS  # a copy is read where it lies


def test_a_broken_database_is_one_line(done: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml").write_bytes((done / "recipe.yaml").read_bytes())
    (run / DATABASE).write_bytes(b"this is no database, whatever its name may say" * 100)
    with pytest.raises(InputError, match=r"study\.db: .*not a database") as caught:
        _ = Run.open(run).records
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="is not a run directory"):
        Run.open(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        Run.open(tmp_path / "none")


def test_an_unwritable_directory_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"--run .*cannot be written"):
        run_sweep(write_recipe(tmp_path), tmp_path / "file" / "run")


def test_divergent_trials_are_recorded_as_such(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, steps=30, **{"[-4, -2]": "[-4, 20]", "step: 1": "step: 24"})
    run_sweep(path, tmp_path / "run")
    outcomes = Counter(
        (r.params["lr"] > 1, r.outcome, r.loss is None) for r in Run.open(tmp_path / "run").records
    )
    assert outcomes == {(False, "finished", False): 4, (True, "diverged", True): 4}


def test_budget_ends_the_sweep_with_a_note(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, **{"extend: 0": "extend: 0, budget: {trials: 5}"})
    document = sweep(load(path), tmp_path / "run", device="cpu", workers=1)
    assert document.trials.finished == 5
    assert "search.budget.trials" in document.notes[0]


@pytest.mark.parametrize("sampler", ["sobol", "tpe"])
def test_samplers_are_repeatable_and_go_on(tmp_path: Path, sampler: str) -> None:
    path = write_recipe(
        tmp_path, steps=3, **{"extend: 0": f"sampler: {sampler}, budget: {{trials: 12}}"}
    )
    runs = [tmp_path / "a", tmp_path / "b"]
    for run, workers in zip(runs, (1, 2), strict=True):
        sweep(load(path), run, device="cpu", workers=workers)
    a, b = ({r.key: r.loss for r in Run.open(run).records} for run in runs)
    assert a == b
    assert len(a) == 12
    for record in Run.open(runs[0]).records:
        assert 2.0**-4 <= record.params["lr"] <= 2.0**-2


def test_dry_run_trains_nothing(tmp_path: Path) -> None:
    document = dry_run(load(write_recipe(tmp_path)), device="cpu", workers=2)
    assert document.trials == TRIALS
    assert list(tmp_path.iterdir()) == [tmp_path / "r.yaml"]
    assert document.target is None


def test_dry_run_tells_what_each_time_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: six trials of 12 steps in two populations of three, each 3 × 4/3 s a step."""
    found = EngineChoice((Timing(1, 2.0, 1), Timing(4, 1.0, 4)), 4, "", True)
    monkeypatch.setattr(chooser, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(chooser, "choose_engine", lambda *_: found)
    monkeypatch.setattr(rung_times, "first_use_seconds", lambda *_: 100.0)
    monkeypatch.setattr(rung_times, "worker_start_seconds", lambda *_: 0.0)
    path = write_recipe(tmp_path)
    told = dry_run(load(path), device="cpu", workers=2)
    for rung in told.rungs:
        assert rung.population == 3
        assert rung.seconds_all == pytest.approx(48, abs=1) and (rung.seconds or 48) < 24
    assert told.seconds_training == pytest.approx(2 * 48, abs=2)
    assert told.seconds_start == 100 and 100 < told.seconds_calibration < 148
    parts = told.seconds_training + told.seconds_calibration + told.seconds_start
    assert told.seconds == pytest.approx(parts)
    alone = dry_run(load(path), device="cpu", workers=2, engine="one-by-one")  # the control
    assert [r.population for r in alone.rungs] == [1, 1]
    assert alone.seconds_calibration == 0 and alone.seconds_start == 100
    each = [(r.seconds or 0, r.seconds_all) for r in alone.rungs]
    assert all(whole == pytest.approx(one * 6 / 2) for one, whole in each)


def test_dry_run_takes_the_engine_that_a_run_has_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "WORTH_SECONDS", 0.0)
    path, run = write_recipe(tmp_path, **{"[-4, -2]": "[-8, -2]"}), tmp_path / "run"
    sweep(load(path), run, device="cpu", workers=1)
    kept = (run / chooser.FILE).read_bytes()
    monkeypatch.setattr(chooser, "choose_engine", lambda *_: pytest.fail("measured again"))
    again = dry_run(load(path), device="cpu", workers=1, run=run)
    assert again.seconds_calibration == 0 and (run / chooser.FILE).read_bytes() == kept


def test_dry_run_weighs_the_sweep_against_the_target(tmp_path: Path) -> None:
    """One hidden matrix: 6·m² + 6·m·3 + 4·8·m operations an example and step, batch 4."""
    path = write_recipe(tmp_path, **{"ladder:": "target: {width: 64, steps: 100}\nladder:"})
    document = dry_run(load(path), device="cpu", workers=2)

    def each(m: int) -> int:
        return (6 * m * m + 6 * m * 3 + 4 * 8 * m) * 4

    spent = 6 * 12 * (each(8) + each(16))
    assert document.flops == spent
    assert document.target is not None
    assert document.target.flops == 100 * each(64)
    assert document.target.share == spent / (TRIALS * 100 * each(64))


def started(path: Path, run: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mutransfer_cli", "sweep", str(path), "--run", str(run)]
    command += ["--engine", "one-by-one"]  # exactly the losses of another sweep, see conftest.py
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background
    try:
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def stored(run: Path) -> int:
    """Trials in the database, read past the lock of its writer."""
    if not (run / DATABASE).is_file():
        return 0
    try:
        with sqlite3.connect(run / DATABASE) as connection:
            (count,) = connection.execute("select count(*) from trials").fetchone()
    except sqlite3.Error:
        return 0
    return int(count)


def wait_for(run: Path, trials: int, process: subprocess.Popen[str]) -> None:
    assert wait_until(lambda: stored(run) >= trials or process.poll() is not None)


@pytest.mark.parametrize("moments", [(0, 4), pytest.param((0, 1, 4, 9), marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_goes_on(tmp_path: Path, moments: tuple[int, ...]) -> None:
    """kill -9 of the driver before, between and after trials: nothing lost, nothing run twice."""
    path, run = write_recipe(tmp_path, steps=60), tmp_path / "run"
    for moment in moments:
        process = started(path, run)
        if moment:
            wait_for(run, moment, process)
        else:
            assert wait_until((run / DATABASE).is_file)
        before = stored(run)
        process.kill()
        process.wait()
        assert stored(run) >= before
        assert group_is_gone(process.pid)  # the workers end with their driver
        process.communicate()
    process = started(path, run)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    records = Run.open(run).records
    assert Counter(r.key for r in records).most_common(1)[0][1] == 1
    assert len(records) == TRIALS
    whole = tmp_path / "whole"
    sweep(load(path), whole, device="cpu", workers=2)
    assert {r.key: r.loss for r in records} == {r.key: r.loss for r in Run.open(whole).records}


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path) -> None:
    path, run = write_recipe(tmp_path, steps=400), tmp_path / "run"
    process = started(path, run)
    wait_for(run, 2, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the whole group
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "run the same command again to resume" in errors and "Traceback" not in errors
    assert 2 <= stored(run) <= TRIALS
    assert group_is_gone(process.pid)


def test_signals_that_are_repeated_end_it_with_130(tmp_path: Path) -> None:
    path, run = write_recipe(tmp_path, steps=400), tmp_path / "run"
    process = started(path, run)
    wait_for(run, 1, process)

    def again() -> bool:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
        return process.poll() is not None

    assert wait_until(again, 60)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and group_is_gone(process.pid)


@pytest.mark.parametrize("moved", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_run_directory_that_goes_away_is_one_line(tmp_path: Path, moved: bool) -> None:
    """Nothing is left where it was, and what was finished before it was moved is kept."""
    path, run = write_recipe(tmp_path, steps=400), tmp_path / "run"
    process = started(path, run)
    wait_for(run, 2, process)
    if moved:
        run.rename(tmp_path / "moved")
    else:
        shutil.rmtree(run)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2, errors
    assert "was deleted or moved while the sweep was running" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert not run.exists()
    if moved:
        assert len(Run.open(tmp_path / "moved").records) >= 2


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, None])
def test_a_study_that_is_destroyed_is_told(tmp_path: Path, content: bytes | None) -> None:
    path, run = write_recipe(tmp_path, steps=3), tmp_path / "run"
    run_sweep(path, run)
    if content is None:
        (run / DATABASE).unlink()
    else:
        (run / DATABASE).write_bytes(content)
    if content:
        with pytest.raises(InputError, match=r"study\.db: the study is damaged: .*delete it and"):
            run_sweep(path, run)
        assert (run / DATABASE).read_bytes() == content
        return
    document = sweep(load(path), run, device="cpu", workers=1)
    assert "was missing or empty although trials had ended" in document.notes[0]
    assert sweep(load(path), run, device="cpu", workers=1).notes == ()


def test_json_is_json_where_the_model_prints(tmp_path: Path) -> None:
    """By Python, by a process that it starts, and by a worker."""
    (tmp_path / "loud.py").write_text(
        "import os, torch\nprint('imported')\n"
        "class Loud(torch.nn.Sequential):\n"
        "    def forward(self, x):\n"
        "        print('forward', flush=True)\n"
        "        return super().forward(x)\n"
        "def build(width):\n"
        "    os.system('echo built')\n"
        "    return Loud(torch.nn.Linear(8, width), torch.nn.ReLU(), torch.nn.Linear(width, 3))\n"
    )
    changes = {"{build: mlp}": '{build: "loud:build"}', "{width: 8, depth: 1": "{width: 8"}
    path = write_recipe(tmp_path, steps=2, **changes)
    command = [
        sys.executable,
        "-m",
        "mutransfer_cli",
        "sweep",
        str(path),
        "--json",
        "--workers",
        "2",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trials"]["finished"] == TRIALS
    assert all(word in done.stderr for word in ("imported", "built", "forward"))


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: sqlite sees the same failed write."""
    path, run = write_recipe(tmp_path, steps=3), tmp_path / "run"
    run_sweep(path, run)
    (run / CURVES).unlink()
    before = stored(run)
    with sqlite3.connect(run / DATABASE) as connection:  # room to go on: forget four trials
        for table in ("trial_params", "trial_values", "trial_user_attributes"):
            connection.execute(f"delete from {table} where trial_id > {before - 4}")
        connection.execute(f"delete from trials where trial_id > {before - 4}")
    limit = (run / DATABASE).stat().st_size // 1024
    command = (
        f"ulimit -f {limit // 2}; exec {sys.executable} -m mutransfer_cli sweep {path} --run {run}"
    )
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert stored(run) == before - 4
    assert Run.open(run).records
    run_sweep(path, run)
    assert stored(run) == before


def test_populations_give_the_losses_of_trials_one_by_one(tmp_path: Path) -> None:
    """Both by the option; what was chosen is said, and a resumed sweep trains nothing again."""
    loaded = loads(
        "name: p\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 16, d_out: 5}\n"
        "base: {width: 32, depth: 1, batch: 8, steps: 40}\nladder: {width: [32]}\n"
        "search: {seeds: 2, extend: 0, space: {lr: {log2: [-9, -5], step: 1.0}}}\n"
    )
    documents, losses = {}, {}
    for engine in ("one-by-one", "population:4"):
        run = tmp_path / engine[:3]
        documents[engine] = sweep(loaded, run, device="cpu", workers=1, engine=engine)
        losses[engine] = {r.key: r.loss for r in Run.open(run).records}
        assert sweep(loaded, run, device="cpu", workers=1, engine=engine).trials_per_second is None
    alone, together = losses.values()
    assert len(alone) == 10 and alone.keys() == together.keys()
    for key, loss in alone.items():
        assert together[key] == pytest.approx(loss, rel=1e-4)
    assert not documents["one-by-one"].population.batched
    assert documents["population:4"].population.size == 4
    with pytest.raises(InputError, match="--engine fast: expected auto"):
        sweep(loaded, tmp_path / "x", engine="fast")


def test_what_a_finished_sweep_chose_is_still_told(tmp_path: Path) -> None:
    loaded = load(write_recipe(tmp_path))
    first = sweep(loaded, tmp_path / "run", device="cpu", workers=1, engine="population:3")
    again = sweep(loaded, tmp_path / "run", device="cpu", workers=1)  # nothing is left to train
    assert first.population.size == again.population.size == 3
    assert again.population.batched and again.trials_per_second is None


def test_a_population_that_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "peeks.py").write_text(
        "import torch\n"
        "class Peeks(torch.nn.Sequential):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x if x.sum().item() < 1e9 else -x)\n"
        "def build(width):\n"
        "    return Peeks(torch.nn.Linear(8, width), torch.nn.ReLU(), torch.nn.Linear(width, 3))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    changes = {"{build: mlp}": '{build: "peeks:build"}', "{width: 8, depth: 1": "{width: 8"}
    loaded = load(write_recipe(tmp_path, **changes))
    own = sweep(loaded, tmp_path / "a", device="cpu", workers=2, engine="population:3")
    assert any("one by one" in note and "peeks:build" in note for note in own.notes)
    assert not own.population.batched
    free = sweep(loaded, tmp_path / "b", device="cpu", workers=2)  # the control: nothing was asked
    assert not any("one by one" in note for note in free.notes)
