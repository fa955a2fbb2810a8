"""A run directory: its frozen recipe, its environment, its lock, its curves."""

from __future__ import annotations

import fcntl
import json
import platform
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_atomically, write_text
from mutransfer_cli.recipe.freeze import first_difference, frozen_yaml
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.version import __version__

if TYPE_CHECKING:
    from mutransfer_cli.search.storage.study import Record

RECIPE = "recipe.yaml"
ENVIRONMENT = "environment.json"
CURVES = "curves.npz"
LOCK, WRITING = ".lock", ".writing"


def read_recipe(run: Path) -> Recipe:
    """The frozen recipe of a run; InputError where the folder is no run directory."""
    path = run / RECIPE
    if not path.is_file():
        what = "is no run directory" if run.is_dir() else "does not exist"
        raise InputError(f"{run}: {what}; `mutransfer sweep RECIPE --run {run}` makes one")
    return load(path).recipe


def read_environment(run: Path) -> dict[str, Any]:
    """Versions, device, seed and digests of a run; empty where the file is missing."""
    path = run / ENVIRONMENT
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    return found


@contextmanager
def locked(run: Path, shared: bool = False) -> Iterator[None]:
    """Hold the run directory; a dead sweep leaves no trace.

    A second sweep on it is refused, unless both are `shared`: then their study tells who runs what.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        handle = (run / LOCK).open("a+")
    except OSError as error:
        raise InputError(
            f"--run {run}: cannot be written: {error.strerror}; choose another with --run"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"--run {run}: another sweep is running there") from error
        yield


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """For the moment that it takes to write a file that several sweeps share."""
    with (run / WRITING).open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def prepare(run: Path, recipe: Recipe, environment: dict[str, Any]) -> None:
    """Write the recipe and the environment, or make sure that they are the same as before.

    Raises InputError where the run was made by a different recipe, seed or data.
    """
    path = run / RECIPE
    if path.is_file():
        difference = first_difference(read_recipe(run), recipe)
        if difference:
            raise InputError(
                f"--run {run}: made by a different recipe: {difference}; take another --run, or "
                "the recipe that made it"
            )
        before = read_environment(run)
        for key in ("seed", "data_digest", "storage"):
            if key in before and before[key] != environment[key]:
                raise InputError(
                    f"--run {run}: made with {key} {before[key]}, now {environment[key]}; take "
                    "another --run"
                )
        return
    write_text(run / ENVIRONMENT, json.dumps(environment, indent=2) + "\n")
    write_text(path, frozen_yaml(recipe))


def forget(run: Path) -> None:
    """Undo `prepare` on a run directory in which nothing has been trained."""
    for name in (RECIPE, ENVIRONMENT):
        (run / name).unlink(missing_ok=True)


def environment_of(
    device: str, seed: int, data_digest: str, storage: str | None = None
) -> dict[str, Any]:
    """What a reader in a year needs to know; storage: null where it is the run's own."""
    packages = ("torch", "numpy", "optuna", "scipy")
    return {
        "mutransfer": __version__,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "machine": platform.machine(),
        "device": device,
        "seed": seed,
        "data_digest": data_digest,
        "storage": storage,
        "git_revision": git_revision(),
    }


def git_revision() -> str | None:
    """Of the user's code in the current folder, where git knows one."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def write_curves(run: Path, records: Sequence[Record]) -> None:
    """Loss curves of all trials: for each, an array (2, points) of steps and losses."""
    import numpy as np

    arrays = {}
    for record in records:
        setting = ",".join(f"{k}={v:.6g}" for k, v in sorted(record.params.items()))
        name = f"width={record.width},seed={record.seed},{setting}"
        arrays[name] = np.array(record.curve, dtype=np.float64).reshape(-1, 2).T
    write_atomically(
        run / CURVES,
        lambda handle: np.savez_compressed(handle, **arrays),  # type: ignore[arg-type]  # names are keywords
    )
