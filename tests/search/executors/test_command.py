"""A user's own program as the trial: started, read, ended, and never run twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from mutransfer_cli import load_plan
from mutransfer_cli.documents.sweep import SweepDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import rungs
from mutransfer_cli.search.estimate import dry_run
from mutransfer_cli.search.executors import command
from mutransfer_cli.search.executors.command import CommandExecutor
from mutransfer_cli.search.executors.protocol import ExecutorSetup
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.location import DATABASE
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep
from tests.helpers.waiting import wait_until

RECIPE = """
name: own
model: {build: mlp}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.0}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, depth: 1, batch: 4, steps: 12}
ladder: {width: [8, 16]}
search: {space: {lr: {log2: [-8, -4], step: 1}}, seeds: SEEDS, extend: 0, timeout: TIMEOUT}
train: {command: '{python} -S FOLDER/train.py COMMAND', loss: LOSS, slots: SLOTS}
"""
ARGUMENTS = "{out} {plan} {width} {seed} {lr}"
START = """
import json, os, signal, subprocess, sys, time
out, plan, width, seed, lr = sys.argv[1:6]
width, seed, lr = int(width), int(seed), float(lr)
"""
# A parabola in log2 of the rate around 2^-6, 0.1 lower at the wider model.
PARABOLA = (
    START
    + """
from math import log2
loss = 2 + 0.1 * (log2(lr) + 6) ** 2 - 0.1 * log2(width) + 0.001 * seed
with open(os.path.join(os.path.dirname(sys.argv[0]), "started.txt"), "a") as log:
    log.write(f"{width} {seed} {lr}\\n")
with open(out + "/loss.json", "w") as file:
    json.dump({"val_loss": loss, "args": sys.argv, "cwd": os.getcwd()}, file)
"""
)


def written(folder: Path, program: str, **changes: object) -> Path:
    """The program and its recipe."""
    (folder / "train.py").write_text(program)
    values: dict[str, object] = {
        "COMMAND": ARGUMENTS, "LOSS": "{file: loss.json, key: val_loss}", "SLOTS": 2, "SEEDS": 1,
        "TIMEOUT": "null", "FOLDER": folder,
    }  # fmt: skip
    text = RECIPE
    for name, value in (values | changes).items():
        text = text.replace(name, str(value))
    path = folder / "r.yaml"
    path.write_text(text)
    return path


def swept(path: Path) -> tuple[SweepDocument, list[Record]]:
    run = path.parent / "run"
    return sweep(load(path), run), Run.open(run).records


def unreadable(path: Path) -> str:
    """The one line that a sweep ends with, of which the first program leaves no loss."""
    with pytest.raises(InputError) as caught:
        swept(path)
    line = str(caught.value)
    assert line.startswith("train.loss: no loss: ") and "\n" not in line
    assert Run.open(path.parent / "run").records == ()
    return line


def one(folder: Path, program: str, **changes: object) -> Record:
    """What became of each of ten like trials."""
    _, records = swept(written(folder, program, **changes))
    first = records[0]
    assert {(r.outcome, r.why) for r in records} == {(first.outcome, first.why)}
    return first


def test_sweep_fit_and_nothing_twice(tmp_path: Path) -> None:
    path = written(tmp_path, PARABOLA, SEEDS=2)
    document, records = swept(path)
    assert (document.trials.finished, document.trials.failed, len(records)) == (20, 0, 20)
    assert document.population.why.startswith("every trial is a run of train.command, 2 at a time")
    assert document.best is not None and document.best.params == {"lr": 2.0**-6}
    assert document.best.loss == pytest.approx(2 - 0.1 * 4)
    fitted = fit_run(Run.open(tmp_path / "run")).document()
    for rung in fitted.rungs:
        assert rung.optimum is not None and rung.optimum["lr"].value == pytest.approx(
            2**-6, rel=0.01
        )
    assert fitted.verdict == "holds"
    assert swept(path)[1] == records  # again
    assert len((tmp_path / "started.txt").read_text().splitlines()) == 20


def test_a_number_that_is_maximized(tmp_path: Path) -> None:
    """The parabola upside down, as an accuracy: 3 - loss. So the loss is 1 - (3 - parabola)."""
    reward = PARABOLA.replace('"val_loss": loss', '"accuracy": 3 - loss')
    loss = "{file: loss.json, key: accuracy, maximize: true, best: 1}"
    document, _ = swept(written(tmp_path, reward, LOSS=loss))
    assert document.best is not None and document.best.params == {"lr": 2.0**-6}
    assert document.best.loss == pytest.approx(-2 + 2 - 0.1 * 4)
    assert "a loss is 1 - accuracy" in document.notes
    assert "a loss is 1 - accuracy" in fit_run(Run.open(tmp_path / "run")).document().notes
    with pytest.raises(
        InputError, match=r"train\.loss\.maximize: true and false"
    ):  # negative control
        swept(written(tmp_path, reward, LOSS="{file: loss.json, key: accuracy}"))


def test_a_trial_sees_its_plan_and_its_values(tmp_path: Path) -> None:
    """By hand: the hidden matrix of a model twice as wide has half the rate (AdamW, muP)."""
    swept(written(tmp_path, PARABOLA))
    folders = sorted((tmp_path / "run/trials").iterdir())
    assert len(folders) == 10
    for folder in folders:
        left = json.loads((folder / "loss.json").read_text())
        out, plan, width, seed, lr = left["args"][1:]
        assert Path(out) == folder and left["cwd"] == os.getcwd()
        assert folder.name.startswith(f"width{width}-seed{seed}-lr")
        tensors = {t.name: t for t in load_plan(plan).tensors}
        assert tensors["input.weight"].lr == float(lr)
        assert tensors["hidden.0.weight"].lr == float(lr) * 8 / int(width)
        assert json.loads((folder / "command.json").read_text())[2:] == left["args"]


@pytest.mark.parametrize("slots", [1, 3])
def test_so_many_at_a_time(tmp_path: Path, slots: int) -> None:
    """Each program leaves a mark while it runs and counts the marks.

    The first ones wait for each other; then there is time for one too many to show itself.
    """
    counting = (
        START
        + """
marks = os.path.join(os.path.dirname(sys.argv[0]), "marks")
os.makedirs(marks, exist_ok=True)
own = os.path.join(marks, f"{width} {lr}")
open(own, "w").close()
met = marks + " met"
until = time.monotonic() + 30
while len(os.listdir(marks)) < SLOTS and not os.path.exists(met) and time.monotonic() < until:
    time.sleep(0.01)
open(met, "w").close()
time.sleep(0.15)
print("loss", len(os.listdir(marks)))
os.remove(own)
"""
    ).replace("SLOTS", str(slots))
    changes = {"LOSS": "{regex: 'loss ([0-9]+)'}", "SLOTS": slots}
    _, records = swept(written(tmp_path, counting, **changes))
    assert max(r.loss or 0 for r in records) == slots


def test_only_what_is_granted_is_started(tmp_path: Path) -> None:
    """Another sweep on the same study may have a job already."""
    recipe = load(written(tmp_path, PARABOLA)).recipe
    jobs = [Job(rungs(recipe)[0], 0, (("lr", 2.0**-n),)) for n in (5, 6, 7)]
    asked: list[Job] = []

    def claim(some: Sequence[Job]) -> list[Job]:
        asked.extend(some)
        return [job for job in some if job.params["lr"] != 2.0**-6]

    (tmp_path / "run").mkdir()
    setup = ExecutorSetup(proxies=ProxyFactory(recipe), run=tmp_path / "run", workers=1)
    with CommandExecutor(setup) as found:
        ended = [job for job, result in found.run(jobs, claim) if result.outcome == "finished"]
        assert list(found.run(jobs, lambda some: [])) == []
    assert asked == jobs and ended == [jobs[0], jobs[2]]


REGEX = "{regex: 'val loss ([0-9.]+)'}"
OUTPUTS = [
    ('print("val loss 5.0\\nval loss 1.5\\nstep 9 loss 4")', "finished", 1.5),
    ('print("val loss 5.0\\rval loss 2.5\\r", end="")', "finished", 2.5),
    ('print("val loss 5.0, val loss 3.5.")', "finished", 3.5),
    ('sys.stderr.write("val loss 4.5")', "finished", 4.5),
    ('print("val loss 5.0\\nval loss nan")', "diverged", "its loss is nan"),
    ('print("val loss inf")', "diverged", "its loss is nan"),
    ('print("val loss 5.0e-3")', "unreadable", "takes '5.0' of '5.0e-3'"),
    ('print("information: loss of 5.0")', "unreadable", "nothing in the output matches"),
    ('print("val loss 1.2.3")', "unreadable", "which is not a number"),
    ('print("val loss 5"); sys.exit(3)', "failed", "exit 3: val loss 5"),
    ('print("a\\nb\\nc\\nd\\ne\\nf\\n"); 1 / 0', "failed", "ZeroDivisionError: division by zero"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "failed", "exit 137 (SIGKILL), and wrote no output"),
]


@pytest.mark.parametrize(("line", "outcome", "expected"), OUTPUTS)
def test_a_printed_loss(tmp_path: Path, line: str, outcome: str, expected: float | str) -> None:
    if outcome == "unreadable":
        assert expected in unreadable(written(tmp_path, f"{START}\n{line}\n", LOSS=REGEX))
        return
    found = one(tmp_path, f"{START}\n{line}\n", LOSS=REGEX)
    assert found.outcome == outcome, found.why
    if isinstance(expected, str):
        assert found.loss is None and expected in str(found.why) and "\n" not in str(found.why)
    else:
        assert found.loss == expected


FILES = [
    ("val_loss", '{"val_loss": 1.5}', "finished", 1.5),
    ("a.b", '{"a": {"b": 2}}', "finished", 2.0),
    ("a.b", '{"a.b": 3, "a": {"b": 2}}', "finished", 3.0),
    ("val_loss", '{"val_loss": NaN}', "diverged", "its loss is nan"),
    ("val_loss", '{"val_loss": -Infinity}', "diverged", "its loss is -inf"),
    ("val_loss", '{"val_loss": null}', "unreadable", "is null, expected a number"),
    ("val_loss", '{"val_loss": true}', "unreadable", "is true, expected a number"),
    ("val_loss", '{"val_loss": "1.5"}', "unreadable", "expected a number"),
    ("a.b", '{"a": 1}', "unreadable", "has no a.b (found: no keys)"),
    ("val_loss", '{"loss": 1}', "unreadable", "has no val_loss (found: loss)"),
    ("val_loss", "1.5", "unreadable", "has no val_loss"),
    ("val_loss", '{"val_loss":', "unreadable", "is not JSON"),
]


@pytest.mark.parametrize(("key", "text", "outcome", "expected"), FILES)
def test_a_loss_in_a_file(
    tmp_path: Path, key: str, text: str, outcome: str, expected: float | str
) -> None:
    writing = f'{START}\nopen(out + "/m.json", "w").write({text!r})\n'
    place = "{file: '{out}/m.json', key: KEY}".replace("KEY", key)
    path = written(tmp_path, writing, LOSS=place)
    if outcome == "unreadable":
        assert expected in unreadable(path)
        return
    _, records = swept(path)
    assert {r.outcome for r in records} == {outcome}, records[0].why
    if isinstance(expected, str):
        assert expected in str(records[0].why)
    else:
        assert {r.loss for r in records} == {expected}


def test_failed_trials_are_told_and_not_run_again(tmp_path: Path) -> None:
    failing = PARABOLA.replace(
        "with open(out", "if lr > 2**-6: sys.exit('no memory')\nwith open(out"
    )
    path = written(tmp_path, failing)
    document, records = swept(path)
    assert Counter(r.outcome for r in records) == {"finished": 6, "failed": 4}
    assert "4 failed, the first: exit 1: no memory" in document.notes[0]
    assert (tmp_path / "run/trials").is_dir()
    assert swept(path)[1] == records
    assert len((tmp_path / "started.txt").read_text().splitlines()) == 10


def test_a_file_from_before_is_no_loss(tmp_path: Path) -> None:
    """A sweep that was killed between the program's end and ours leaves the file behind."""
    path = written(tmp_path, PARABOLA)
    swept(path)
    (tmp_path / "run" / DATABASE).unlink()
    (tmp_path / "train.py").write_text(START)  # ends well and writes nothing
    assert "is from before" in unreadable(path)


def test_losses_that_were_left_on_disk_are_read_and_not_trained_again(tmp_path: Path) -> None:
    """Of ten programs the first one is looked at; the others run once the key is right."""
    wrong = written(tmp_path, PARABOLA, LOSS="{file: loss.json, key: loss}", SLOTS=1)
    assert "has no loss (found: val_loss, args, cwd)" in unreadable(wrong)
    assert len((tmp_path / "started.txt").read_text().splitlines()) == 1
    document, records = swept(written(tmp_path, PARABOLA, SLOTS=1))
    assert document.trials.finished == 10
    assert len((tmp_path / "started.txt").read_text().splitlines()) == 10
    assert {r.loss for r in records} == {
        json.loads(path.read_text())["val_loss"] for path in tmp_path.glob("run/trials/*/loss.json")
    }
    assert "key: val_loss" in (tmp_path / "run/recipe.yaml").read_text()


def test_a_loss_that_a_changed_program_left_is_not_read(tmp_path: Path) -> None:
    wrong = written(tmp_path, PARABOLA, LOSS="{file: loss.json, key: loss}", SLOTS=1)
    unreadable(wrong)
    _, records = swept(written(tmp_path, PARABOLA.replace("loss = 2", "loss = 3"), SLOTS=1))
    assert min(r.loss or 0 for r in records) > 2.5
    assert len((tmp_path / "started.txt").read_text().splitlines()) == 11


def test_some_losses_that_could_not_be_read(tmp_path: Path) -> None:
    """Once a loss was read, such trials have failed; a mended recipe reads them again."""
    program = PARABOLA.replace('{"val_loss": loss,', '{"val_loss" if lr < 2**-5 else "l": loss,')
    path = written(tmp_path, program, SLOTS=1)
    document, records = swept(path)
    assert Counter(r.outcome for r in records) == {"finished": 6, "failed": 4}
    program_again = written(tmp_path, program, LOSS="{file: loss.json, key: l}", SLOTS=1)
    document, records = swept(program_again)
    assert document.trials.finished == len(records) == len({r.key for r in records}) == 10
    assert swept(program_again)[1] == records  # and stored once
    assert len((tmp_path / "started.txt").read_text().splitlines()) == 10


def test_a_program_that_changes_while_the_sweep_runs_ends_it(tmp_path: Path) -> None:
    program = PARABOLA + "if lr < 2**-6:\n    open(sys.argv[0], 'a').write('# changed')\n"
    path = written(tmp_path, program, SLOTS=1)
    with pytest.raises(InputError, match=r"train\.py: changed while the sweep was running"):
        swept(path)
    before = Run.open(tmp_path / "run").records
    assert all(r.params["lr"] >= 2.0**-6 for r in before)


# Starts a child, says so, and waits; neither ends by itself.
HANG = (
    START
    + """
def hang(seconds=300, stubborn=False):
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"])
    with open(os.path.join(os.path.dirname(sys.argv[0]), "pids.txt"), "a") as log:
        log.write(f"{os.getpid()} {child.pid}\\n")
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(seconds)
"""
)


def pids(folder: Path) -> list[int]:
    try:
        text = (folder / "pids.txt").read_text()
    except FileNotFoundError:
        return []
    return [int(word) for line in text.splitlines(keepends=True) if "\n" in line
            for word in line.split()]  # fmt: skip


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and nobody asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_end(folder: Path) -> bool:
    return wait_until(lambda: not any(runs(pid) for pid in pids(folder)), 10)


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@linux
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_timeout_ends_the_whole_program(
    tmp_path: Path, stubborn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "KILL_DELAY", 0.3)
    path = written(tmp_path, f"{HANG}hang(stubborn={stubborn})\n", TIMEOUT=1.5, SLOTS=10)
    document, records = swept(path)
    assert len(pids(tmp_path)) == 20 and all_end(tmp_path)
    assert {r.why for r in records} == {"search.timeout: over 1.5 s"}
    assert document.trials.failed == 10


@linux
def test_what_a_program_leaves_running_ends_with_it(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HANG}hang(0)\nprint('val loss 1')\n", LOSS=REGEX)
    _, records = swept(path)
    assert {r.loss for r in records} == {1.0}
    assert len(pids(tmp_path)) == 20 and all_end(tmp_path)


def started(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mutransfer_cli", "sweep", str(path), "--run"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background
    try:
        return subprocess.Popen(
            [*command, str(path.parent / "run")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)


@linux
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        signal.SIGKILL,
    ],
)
def test_programs_end_with_their_driver(tmp_path: Path, number: signal.Signals) -> None:
    """Some trials finish, the others hang until the driver ends; then the sweep goes on."""
    waiting = "if lr > 2**-6.5 and not os.path.exists(sys.argv[0] + '.go'):\n    hang()\n"
    program = HANG + PARABOLA.removeprefix(START).replace(
        "with open(out", waiting + "with open(out"
    )
    path = written(tmp_path, program, SLOTS=2)
    process = started(path)
    assert wait_until(lambda: len(pids(tmp_path)) >= 4 or process.poll() is not None)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 130), errors
    assert "Traceback" not in errors
    assert len(pids(tmp_path)) == 4 and all_end(tmp_path)
    kept = Run.open(tmp_path / "run").records if (tmp_path / "run" / DATABASE).is_file() else []
    assert all(r.outcome == "finished" for r in kept)
    (tmp_path / "train.py.go").touch()
    process = started(path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    records = Run.open(tmp_path / "run").records
    assert len(records) == len({r.key for r in records}) == 10
    assert {r.outcome for r in records} == {"finished"}
    runs_of = Counter((tmp_path / "started.txt").read_text().splitlines())
    for record in kept:
        assert runs_of[f"{record.width} {record.seed} {record.params['lr']}"] == 1


def test_there_is_no_shell(tmp_path: Path) -> None:
    folder = tmp_path / "a folder; touch b"
    folder.mkdir()
    words = '{out} {plan} {width} {seed} {lr} $HOME `id` "two words" * > x | y {"a": 1}'
    swept(written(folder, PARABOLA, COMMAND=words, FOLDER=f'"{folder}"'))
    left = json.loads(next((folder / "run/trials").glob("*/loss.json")).read_text())
    assert left["args"][6:] == ["$HOME", "`id`", "two words", "*", ">", "x", "|", "y", "{a:", "1}"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [folder.name]


def test_dry_run_knows_the_time_when_trials_have_finished(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, PARABOLA))
    run = tmp_path / "run"
    before = dry_run(loaded, run=run)
    assert before.seconds is None and before.bytes is None and before.trials == 10
    assert not run.exists()
    sweep(loaded, run)
    after = dry_run(loaded, run=run)
    took = [sorted(r.seconds for r in Run.open(run).records if r.width == w)[2] for w in (8, 16)]
    assert after.seconds == pytest.approx(sum(took) * 5 / 2)
    assert after.workers == 2 and after.device == "own program"
    assert after.seconds_training == after.seconds  # its own start is in its trials
    assert after.seconds_calibration == after.seconds_start == 0


def test_notes_on_what_the_command_leaves_out(tmp_path: Path) -> None:
    constant = "print('val loss 1.0')"
    changes = {"LOSS": REGEX, "SEEDS": 2}
    document, _ = swept(written(tmp_path, constant, COMMAND="{width}", **changes))
    assert [n.partition(":")[0] for n in document.notes] == [
        "train.command has no {seed}", "train.command has no {plan}"
    ]  # fmt: skip


def test_a_program_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, PARABOLA)
    path.write_text(path.read_text().replace("{python}", "pyhton3"))
    for call in (lambda: swept(path), lambda: dry_run(load(path))):
        with pytest.raises(InputError, match=r"train\.command: pyhton3: no such program") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_device_is_told_where_the_command_asks(tmp_path: Path) -> None:
    path = written(tmp_path, PARABOLA, COMMAND=ARGUMENTS + " {device}")
    document = sweep(load(path), tmp_path / "run", device="cpu")
    assert document.device == "cpu" and document.notes == ()
    left = json.loads(next((tmp_path / "run/trials").glob("*/loss.json")).read_text())
    assert left["args"][6] == "cpu"
    document = sweep(load(written(tmp_path, PARABOLA)), tmp_path / "other", device="cpu")
    assert document.device == "own program"
    assert document.notes == ("--device cpu: not used, train.command has no {device}",)
