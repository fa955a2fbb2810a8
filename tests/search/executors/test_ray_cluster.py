"""A Ray task says when it begins, and tells each trial as it ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.executors import ray as room
from mutransfer_cli.search.progress import Event
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep
from tests.helpers.sweeps import swept_by, write_recipe
from tests.helpers.watched_models import module_that_runs

pytestmark = pytest.mark.usefixtures("cluster")

# Of a population, all but those that diverge wait until one that did is stored.
WAITING = module_that_runs(
    """
    if together and self.calls == 40:
        until = time.monotonic() + 60
        while not os.path.exists("FOLDER/stored"):
            if time.monotonic() > until:
                open("FOLDER/late", "w").close()
                break
            time.sleep(0.05)
    """
)


def test_a_trial_that_ended_is_stored_while_the_others_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waiting.py").write_text(WAITING.replace("FOLDER", str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    changes = {
        "{build: mlp}": '{build: "waiting:build"}',
        "{width: 8, depth: 1": "{width: 8",
        "[8, 16]": "[8]",
        "seeds: 2": "seeds: 1",
        "{log2: [-4, -2], step: 1}": "{choice: [0.1, 0.2, 1.0e+30]}",
    }
    path, run = write_recipe(tmp_path, 60, **changes), tmp_path / "run"

    def told(event: Event) -> None:
        if any(r.outcome == "diverged" for r in Run.open(run).records):
            (tmp_path / "stored").write_text("")

    sweep(
        load(path),
        run,
        device="cpu",
        workers=2,
        executor="ray",
        engine="population:3",
        on_progress=told,
    )
    outcomes = sorted(r.outcome for r in Run.open(run).records)
    assert outcomes == ["diverged", "finished", "finished"]
    assert (tmp_path / "stored").exists() and not (tmp_path / "late").exists()


@pytest.mark.parametrize("streams", [True, False])
def test_a_task_s_clock_starts_when_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: bool
) -> None:
    """Others hold both CPUs, by the driver's clock for 1,000 of the 300 seconds of a trial.

    The control: a task that cannot say when it begins counts from the moment it is handed in.
    """
    import ray

    held = ray.remote(num_cpus=2)(lambda: time.sleep(3)).remote()

    class Clock:
        @staticmethod
        def monotonic() -> float:
            ended, _ = ray.wait([held], timeout=0)
            return time.monotonic() + (1000.0 if ended else 0.0)

    monkeypatch.setattr(room, "time", Clock)
    monkeypatch.setattr(room, "START_GRACE", 0.0)
    monkeypatch.setattr(room, "is_remote_client", lambda: not streams)
    changes = {
        "[-4, -2]": "[-3, -2]",
        "[8, 16]": "[8]",
        "extend: 0": "extend: 0, timeout: 300",
        "seeds: 2": "seeds: 1",
    }
    path, run = write_recipe(tmp_path, **changes), tmp_path / "run"
    ray_records, _ = swept_by(path, run, "ray", "one-by-one")
    outcomes = [kept[0] for kept in ray_records.values()]
    assert outcomes == 2 * ["finished"] if streams else "failed" in outcomes


def test_a_client_hears_of_a_group_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ray:// connection passes on no parts: the same numbers in one answer."""
    path = write_recipe(tmp_path, 30)
    parts, _ = swept_by(path, tmp_path / "parts", "ray", "population:3")
    monkeypatch.setattr(room, "is_remote_client", lambda: True)
    whole, _ = swept_by(path, tmp_path / "whole", "ray", "population:3")
    assert whole == parts
