"""Trials as Ray tasks: the numbers of local workers, whatever becomes of a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search import ray as room
from mutransfer_cli.search.study import read_records
from mutransfer_cli.search.sweep import sweep
from tests.search.test_faults import HANGING
from tests.search.test_sweep import TRIALS, recipe

MORTAL = """
import os, signal, torch
def build(width, seed):
    if width == 16 and seed == 1 and not os.path.exists("FOLDER/died"):
        open("FOLDER/died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    first, last = torch.nn.Linear(8, width), torch.nn.Linear(width, 3)
    return torch.nn.Sequential(first, torch.nn.ReLU(), last)
"""


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One for the module: two CPUs on this machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


def by_executor(path: Path, folder: Path, executor: str) -> dict[object, object]:
    document = sweep(load(path), folder / executor, device="cpu", workers=2, executor=executor)
    assert document.workers == 2
    records = read_records(folder / executor)
    assert len({r.key for r in records}) == len(records)
    return {r.key: (r.outcome, r.loss, r.curve) for r in records}


def test_the_same_numbers_as_local(tmp_path: Path) -> None:
    path = recipe(tmp_path, steps=30)
    local, ray = (by_executor(path, tmp_path, name) for name in ("local", "ray"))
    assert len(ray) == TRIALS
    assert ray == local  # bit for bit


def test_a_lost_worker_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle of a trial, the first time that it is tried."""
    (tmp_path / "mortal.py").write_text(MORTAL.replace("FOLDER", str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    path = recipe(
        tmp_path,
        **{
            "{build: mlp}": '{build: "mortal:build"}',
            "{width: 8, depth: 1": "{width: 8",
            "[-4, -2]": "[-3, -2]",
        },
    )
    (tmp_path / "died").write_text("")
    local = by_executor(path, tmp_path, "local")
    os.remove(tmp_path / "died")
    assert by_executor(path, tmp_path, "ray") == local
    assert (tmp_path / "died").exists()


def test_a_task_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sleeper.py").write_text(HANGING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(room, "STARTING", 4.0)
    path = recipe(
        tmp_path,
        **{
            "{build: mlp}": '{build: "sleeper:build"}',
            "{width: 8, depth: 1": "{width: 8",
            "[-4, -2]": "[-3, -2]",
            "extend: 0": "extend: 0, timeout: 6",
        },
    )
    sweep(load(path), tmp_path / "run", device="cpu", executor="ray")
    outcomes = {(r.width, r.seed): r.outcome for r in read_records(tmp_path / "run")}
    assert outcomes == {
        (8, 0): "finished",
        (8, 1): "finished",
        (16, 0): "finished",
        (16, 1): "failed",
    }


def test_ray_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'mutransfer\[ray\]'"):
        room.needs_ray()
