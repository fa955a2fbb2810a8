"""Trials as Ray tasks: the numbers of local workers, whatever becomes of a worker."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors import ray as room
from mutransfer_cli.search.executors.cluster import ray_cluster as machines
from mutransfer_cli.search.grouping import engine as chooser
from mutransfer_cli.search.grouping.engine_file import read_choices
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.engine.choose import EngineChoice, Timing
from tests.helpers.sweeps import HANGING, PRUNED_RECIPE, TRIALS, swept_by, write_recipe
from tests.helpers.watched_models import module_that_runs

pytestmark = pytest.mark.usefixtures("cluster")

MORTAL = """
import os, signal, torch
def build(width, seed):
    if width == 16 and seed == 1 and not os.path.exists("FOLDER/died"):
        open("FOLDER/died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    first, last = torch.nn.Linear(8, width), torch.nn.Linear(width, 3)
    return torch.nn.Sequential(first, torch.nn.ReLU(), last)
"""


# Ends its process, or sleeps, in the middle of a population at width 16; says how it is run.
TOGETHER = module_that_runs(
    """
    if self.first.out_features == 16 and self.calls == 9:  # a comparison has ended before
        with open("FOLDER/log", "a") as log:
            log.write("together\\n" if together else "alone\\n")
        if together and not os.path.exists("FOLDER/calm"):
            END
    """
)


def by_executor(path: Path, folder: Path, executor: str) -> dict[object, object]:
    return swept_by(path, folder / executor, executor, "one-by-one")[0]


def test_the_same_numbers_as_local(tmp_path: Path) -> None:
    """Bit for bit, of the same groups: six trials a width, and twelve in three fours."""
    for engine, seeds, size in (("one-by-one", 2, 1), ("population:4", 4, 4)):
        folder = tmp_path / engine[:3]
        folder.mkdir()
        path = write_recipe(folder, steps=30, **{"seeds: 2": f"seeds: {seeds}"})
        local, of_local = swept_by(path, folder / "local", "local", engine)
        ray, of_ray = swept_by(path, folder / "ray", "ray", engine)
        assert len(ray) == TRIALS // 2 * seeds
        assert ray == local
        assert of_ray == of_local and of_ray.size == size


def test_how_trials_train_is_measured_on_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the driver, whose device may be another; once for each rung, and kept."""

    def found(*question: object) -> EngineChoice:
        import torch

        why = f"{os.getpid()}: {torch.get_num_threads()} thread, {question[3]} share a memory"
        return EngineChoice((Timing(1, 2.0, 1), Timing(4, 1.0, 4)), 4, why, True)

    monkeypatch.setattr(chooser, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(chooser, "choose_engine", found)
    path, run = write_recipe(tmp_path, **{"seeds: 2": "seeds: 4"}), tmp_path / "ray"
    _, population = swept_by(path, run, "ray", "auto")
    assert [r.size for r in population.rungs] == [3, 3]  # 12 trials each, on two workers
    measured = {r.width: r.why for r in population.rungs}
    for why in measured.values():
        assert why.split(":")[0] != str(os.getpid())
        assert why.endswith("1 thread, 2 share a memory")
    kept = read_choices(run / chooser.FILE, "cpu")
    assert {size.width: choice.why for size, choice in kept.items()} == measured
    control = chooser.Engine(ProxyFactory(load(path).recipe), "cpu", 2)
    control.groups([Job(Size(8, 1, 4, 12), seed, (("lr", 0.1),)) for seed in range(4)])
    assert control.document().why.startswith(f"{os.getpid()}: ")


def breaking(
    folder: Path, name: str, end: str, monkeypatch: pytest.MonkeyPatch, **changes: str
) -> Path:
    """A recipe of a model whose populations break at width 16; name: of its module."""
    code = TOGETHER.replace("FOLDER", str(folder)).replace("END", end)
    (folder / f"{name}.py").write_text(code)
    monkeypatch.chdir(folder)
    own = {
        "{build: mlp}": f'{{build: "{name}:build"}}',
        "{width: 8, depth: 1": "{width: 8",
        "seeds: 2": "seeds: 1",
    }
    return write_recipe(folder, 30, **own, **changes)


def width_of(key: object) -> int:
    assert isinstance(key, tuple) and isinstance(key[0], Size)
    return key[0].width


def test_of_a_population_that_loses_its_worker_twice_each_trains_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = "os.kill(os.getpid(), signal.SIGKILL)"
    path = breaking(tmp_path, "killed", end, monkeypatch, **{"[-4, -2]": "[-5, -2]"})
    ray, population = swept_by(path, tmp_path / "ray", "ray", "population:4")
    assert population.size == 4 and len(ray) == 2 * 4
    log = tmp_path / "log"
    assert log.read_text().split() == 2 * ["together"] + 4 * ["alone"]
    (tmp_path / "calm").write_text("")
    log.unlink()
    together, _ = swept_by(path, tmp_path / "4", "local", "population:4")
    assert log.read_text().split() == ["together"]  # the control: left alone, they stay together
    alone, _ = swept_by(path, tmp_path / "1", "local", "one-by-one")
    assert ray == {key: (alone if width_of(key) == 16 else together)[key] for key in together}
    assert ray != together  # in their last digits


def test_of_a_population_that_hangs_each_trains_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"[-4, -2]": "[-3, -2]", "extend: 0": "extend: 0, timeout: 12"}
    path = breaking(tmp_path, "hanging", "time.sleep(3600)", monkeypatch, **changes)
    ray, population = swept_by(path, tmp_path / "ray", "ray", "population:2")
    assert population.size == 2
    assert [outcome for outcome, *_ in ray.values()] == 4 * ["finished"]
    assert (tmp_path / "log").read_text().split() == ["together", "alone", "alone"]


def test_tasks_that_fit_are_counted_machine_by_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: of 3 + 3 CPUs, two tasks of 2 threads; a machine that is gone has no room."""
    import ray

    def machine(alive: bool = True, **has: float) -> dict[str, object]:
        return {"Alive": alive, "Resources": has}

    nodes = [machine(CPU=3.0, GPU=4.0), machine(CPU=3.0), machine(False, CPU=64.0, GPU=8.0)]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    assert machines.tasks_per_machine(machines.needs_of("cpu", 2)) == [1, 1]
    assert machines.tasks_per_machine(machines.needs_of("cuda", 1)) == [3, 0]
    assert machines.slots(machines.needs_of("cpu", 1), None) == 6
    assert machines.slots(machines.needs_of("cpu", 1), 4) == 4
    with pytest.raises(InputError, match="the cluster has no 4 CPUs for a task"):
        machines.tasks_per_machine(machines.needs_of("cpu", 4))
    with pytest.raises(InputError, match="the cluster has no GPU and 4 CPUs for a task"):
        machines.tasks_per_machine(machines.needs_of("cuda:0", 4))


def test_the_same_trials_are_pruned(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(PRUNED_RECIPE.replace("[16, 32]", "[16]").replace("seeds: 2", "seeds: 1"))
    local, ray = (by_executor(path, tmp_path, name) for name in ("local", "ray"))
    assert ray == local
    assert any(outcome == "pruned" for outcome, *_ in ray.values())  # type: ignore[misc]


def test_a_lost_worker_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle of a trial, the first time that it is tried."""
    (tmp_path / "mortal.py").write_text(MORTAL.replace("FOLDER", str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    path = write_recipe(
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
    monkeypatch.setattr(room, "START_GRACE", 10.0)
    path = write_recipe(
        tmp_path,
        **{
            "{build: mlp}": '{build: "sleeper:build"}',
            "{width: 8, depth: 1": "{width: 8",
            "[-4, -2]": "[-3, -2]",
            "extend: 0": "extend: 0, timeout: 10",
        },
    )
    sweep(load(path), tmp_path / "run", device="cpu", executor="ray")
    outcomes = {(r.width, r.seed): r.outcome for r in Run.open(tmp_path / "run").records}
    assert outcomes == {
        (8, 0): "finished",
        (8, 1): "finished",
        (16, 0): "finished",
        (16, 1): "failed",
    }


def test_ray_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'mutransfer\[ray\]'"):
        machines.require_ray()
