"""Reads and writes the files of a run directory: frozen recipe, environment, curves."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutransfer_cli.catalog.fields import show
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import read_json, write_atomically, write_text
from mutransfer_cli.recipe.freeze import first_difference, frozen_yaml, read_as
from mutransfer_cli.recipe.growth import growth_hint
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.storage.location import (
    OPTION,
    StorageLocation,
    is_missing,
    own_location,
    parse_location,
)
from mutransfer_cli.version import __version__

if TYPE_CHECKING:
    from mutransfer_cli.search.record import Record

RECIPE = "recipe.yaml"
ENVIRONMENT = "environment.json"
CURVES = "curves.npz"
ENVIRONMENT_TYPES: Mapping[str, type] = {
    "started": str,
    "mutransfer": str,
    "python": str,
    "versions": dict,
    "machine": str,
    "device": str,
    "seed": int,
    "data_digest": str,
    "storage": str,
    "git_revision": str,
}


def read_environment(run: Path) -> dict[str, Any]:
    """Versions, device, seed and digests of a run; empty if the file is missing.

    Raises:
        InputError: The file cannot be read, or holds something else.
    """
    path = run / ENVIRONMENT
    if not path.is_file():
        return {}
    environment = read_json(path)
    if not isinstance(environment, dict):
        raise InputError(f"{path}: expected a mapping such as a sweep writes")
    for name, kind in ENVIRONMENT_TYPES.items():
        value = environment.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            expected = {str: "text", int: "a whole number", dict: "a mapping"}[kind]
            raise InputError(f"{path}: {name}: expected {expected}, found {show(value)}")
    return environment


def read_start_rate(run: Path, environment: Mapping[str, Any]) -> float | None:
    """The learning rate about which a run's search began; None: as its recipe says.

    Raises:
        InputError: The environment's `start_rate` is no learning rate.
    """
    rate = environment.get("start_rate")
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < inf:
        raise InputError(f"{run / ENVIRONMENT}: start_rate: expected a number above 0: {rate!r}")
    return float(rate)


def location_of_run(run: Path, environment: Mapping[str, Any]) -> StorageLocation:
    """Where a run's study is stored: in the run directory, unless its environment says otherwise.

    Raises:
        InputError: The environment's `storage` is not a location.
    """
    text = environment.get("storage")
    if not text:
        return own_location(run)
    return parse_location(text, run, f"{run / ENVIRONMENT}: storage")


def choose_location(run: Path, storage: str | None) -> StorageLocation:
    """Where a sweep stores its study: at the option's location, else where the run has it.

    Args:
        run: The run directory; it need not exist.
        storage: The option `--storage`, as the user wrote it.

    Raises:
        InputError: The option is invalid or contradicts the run, or a folder is missing.
    """
    environment = read_environment(run)
    current = location_of_run(run, environment)
    is_lost = (run / RECIPE).is_file() and not environment and is_missing(current)
    if storage is None:
        if is_lost:
            raise InputError(
                f"{run / ENVIRONMENT}: is missing, and with it where the study is stored; give "
                "the sweep's --storage, or choose another --run"
            )
        require_folder(current, run)
        return current
    location = parse_location(storage, Path.cwd())
    if (run / RECIPE).is_file() and current.named != location.named and not is_lost:
        raise InputError(
            f"--storage {location.shown}: the study of {run} is stored in {current.shown}; choose "
            "another --run, or omit --storage"
        )
    require_folder(location, run)
    return location


def require_folder(location: StorageLocation, run: Path) -> None:
    """Check that the folder of the study's file exists.

    A sweep creates only its run directory. Creating other folders would hide a mistyped path or a
    file system that is not mounted.

    Raises:
        InputError: The folder does not exist, or is not a folder.
    """
    folder = Path(location.address).parent
    if location.kind == "postgresql" or folder in (run.resolve(), *run.resolve().parents):
        return
    if not folder.is_dir():
        where = OPTION if location.typed else f"{run / ENVIRONMENT}: storage"
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise InputError(
            f"{where} {location.shown}: {folder} {problem}; create it first, or choose a file in "
            "an existing folder"
        )


def prepare(run: Path, recipe: Recipe, environment: dict[str, Any]) -> None:
    """Write the recipe and the environment, or check that they are the same as before.

    A recipe in which no trial differs (`freeze.read_as`) takes the other's place. An
    environment that was deleted is written again, without the start of the sweep.

    Raises:
        InputError: The run was made by a different recipe, seed or storage.
    """
    path = run / RECIPE
    if not path.is_file():
        write_text(run / ENVIRONMENT, json.dumps(environment, indent=2) + "\n")
        write_text(path, frozen_yaml(recipe))
        return
    stored = load(path).recipe
    difference = first_difference(read_as(stored, recipe), recipe)
    if difference:
        raise InputError(
            f"--run {run}: made by a different recipe: {difference}; choose another --run, or "
            f"use the recipe that made it{growth_hint(difference, stored.search)}"
        )
    before = read_environment(run)
    for key in ("seed", "storage"):
        if key in before and before[key] != environment[key]:
            raise InputError(
                f"--run {run}: made with {key} {before[key]}, now {environment[key]}; "
                "choose another --run"
            )
    if stored != recipe:
        write_text(path, frozen_yaml(recipe))
    if not before:
        rest = {name: value for name, value in environment.items() if name != "started"}
        write_text(run / ENVIRONMENT, json.dumps(rest, indent=2) + "\n")


def update_environment(run: Path, environment: Mapping[str, Any]) -> None:
    """Write the environment again after a change that was accepted, with the first start."""
    before = read_environment(run)
    kept = {name: before[name] for name in ("started",) if name in before}
    rest = {name: value for name, value in environment.items() if name != "started"}
    write_text(run / ENVIRONMENT, json.dumps({**kept, **rest}, indent=2) + "\n")


def undo_prepare(run: Path) -> None:
    """Undo `prepare` on a run directory in which nothing has been trained."""
    for name in (RECIPE, ENVIRONMENT):
        (run / name).unlink(missing_ok=True)


def describe_environment(
    device: str, seed: int, data_digest: str, storage: str | None = None
) -> dict[str, Any]:
    """Collect what is needed to reproduce a sweep beside its recipe.

    Args:
        device: Where trials train.
        seed: The first seed.
        data_digest: Digest of the data source.
        storage: Location of a shared study; None: in the run directory.
    """
    packages = ("torch", "numpy", "optuna", "scipy")
    return {
        "started": datetime.now(UTC).isoformat(),
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
    """The git revision of the current folder, which holds the user's code; None if unknown."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def write_curves(run: Path, records: Sequence[Record]) -> None:
    """Write the loss curves of all trials, each an array (2, points) of steps and losses."""
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
