"""The sweep: what trains, where the study lies, and one driver of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

from mutransfer_cli.data.opening import open_source
from mutransfer_cli.documents.sweep import (
    SweepDocument,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.models.proxy import trainable
from mutransfer_cli.recipe.load import LoadedRecipe
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.driver import Driver
from mutransfer_cli.search.executors import command as programs
from mutransfer_cli.search.executors.command import Programs
from mutransfer_cli.search.executors.local import Workers
from mutransfer_cli.search.executors.protocol import Executor
from mutransfer_cli.search.executors.ray import RayTasks
from mutransfer_cli.search.executors.ray_cluster import resources
from mutransfer_cli.search.grouping.engine import Engine, asked_for
from mutransfer_cli.search.job import missing
from mutransfer_cli.search.progress import Event
from mutransfer_cli.search.signals import terminations
from mutransfer_cli.search.storage.locks import run_lock, write_lock
from mutransfer_cli.search.storage.run_directory import (
    RECIPE,
    choose_location,
    environment_of,
    forget,
    prepare,
    write_curves,
)
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.train.checkpoint.checkpointer import FOLDER


def sweep(
    loaded: LoadedRecipe,
    run: Path,
    *,
    device: str = "auto",
    seed: int = 0,
    threads: int | None = None,
    workers: int | None = None,
    on_progress: Callable[[Event], None] = lambda event: None,
    storage: str | None = None,
    executor: str = "local",
    ray_address: str | None = None,
    engine: str = "auto",
) -> SweepDocument:
    """Train the proxies of a recipe into a run directory; goes on where it was stopped.

    engine: auto, one-by-one or population:K.

    Raises InputError before any training where the recipe, its data or the directory is unusable.
    """
    started = time.perf_counter()
    asked_for(engine)
    recipe = loaded.recipe
    if engine.startswith("population") and recipe.train is not None:
        raise InputError(
            f"--engine {engine}: train.command trains one by one; expected auto or one-by-one"
        )
    place, count = ready(recipe, device, workers, executor, ray_address)
    source = open_source(recipe)
    family_for(recipe)
    location = choose_location(run, storage)
    driver = Driver(recipe, run, place, seed, count, threads or 1, on_progress)
    checkpoints = run.resolve() / FOLDER
    runs: Executor
    if recipe.train is not None:
        runs = Programs(recipe, run, place, count)
    elif executor == "ray":
        driver.engine = Engine(recipe, place, count, engine, run)
        tasks = (workers, threads or 1, ray_address, checkpoints, driver.engine)
        runs = RayTasks(recipe, place, *tasks)
    else:
        driver.engine = Engine(recipe, place, count, engine, run)
        runs = Workers(recipe, place, count, threads or 1, checkpoints, driver.engine)
    # workers are there before the lock and the database are, which they shall not hold
    with terminations(), runs, run_lock(run, location.shared):
        with write_lock(run):
            stored_in = location.stored_in(run) if location.shared else None
            fresh = not (run / RECIPE).is_file()
            prepare(run, recipe, environment_of(place, seed, source.digest, stored_in))
            try:
                study = Study.open(location, recipe, create=True)
            except InputError:
                if fresh:  # a storage that never worked is not kept
                    forget(run)
                raise
        if location.shared:
            study.belongs_to(recipe, seed=seed, data_digest=source.digest)
        if place == programs.OWN and device != "auto":
            driver.notes.append(f"--device {device}: train.command has no {{device}} to tell it")
        try:
            driver.go(study, runs)
        finally:
            with write_lock(run):
                with suppress(InputError):  # the storage is away: then what was read before
                    driver.records = study.records()
                if driver.records:
                    write_curves(run, driver.records)
        if not missing(driver.wanted(), driver.records):
            rmtree(checkpoints, ignore_errors=True)  # of trials that others ended
        return driver.document(time.perf_counter() - started)


def ready(
    recipe: Recipe, device: str, workers: int | None, executor: str, ray_address: str | None
) -> tuple[str, int]:
    """Where trials are trained, and how many at a time.

    Raises InputError where nothing can train them.
    """
    if recipe.train is None:
        trainable(recipe)
        return resources(recipe, device, workers, executor, ray_address)
    if executor == "ray":
        raise InputError("--executor ray: train.command starts programs itself; expected local")
    return programs.ready(recipe.train, device), workers or recipe.train.slots
