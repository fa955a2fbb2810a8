"""The sweep: trains the proxies of a recipe and stores the results in a run directory."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from mutransfer_cli.catalog.executors import DEFAULT_EXECUTOR
from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.documents.sweep import SweepDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import LoadedRecipe
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.driver import Driver
from mutransfer_cli.search.executors.protocol import ExecutorSetup, make_executor
from mutransfer_cli.search.grouping.engine import parse_engine
from mutransfer_cli.search.problem import pruning_of, search_problem
from mutransfer_cli.search.progress import Event
from mutransfer_cli.search.samplers.protocol import Sampler, SearchProblem, make_sampler
from mutransfer_cli.search.signals import handle_termination
from mutransfer_cli.search.storage.location import StorageLocation
from mutransfer_cli.search.storage.locks import run_lock, write_lock
from mutransfer_cli.search.storage.run_directory import (
    RECIPE,
    choose_location,
    describe_environment,
    prepare,
    undo_prepare,
    write_curves,
)
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.train.cost import training_flops


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
    executor: str = DEFAULT_EXECUTOR,
    ray_address: str | None = None,
    engine: str = "auto",
) -> SweepDocument:
    """Train the proxies of a recipe; resumes where an earlier call stopped.

    Args:
        loaded: The recipe.
        run: The run directory.
        device: auto, cpu, cuda …
        seed: The first seed; the others count up from it.
        threads: CPU threads of each worker; None: one.
        workers: Trials or groups at a time; None: as many as the executor has room for.
        on_progress: Called when a trial has started or ended.
        storage: Location of a shared study; None: in the run directory.
        executor: Name of an executor.
        ray_address: Address of a Ray cluster; None: this machine.
        engine: auto, one-by-one or population:K.

    Raises:
        InputError: The recipe, its data, an option or the directory is unusable; before any
            training.
        Interrupted: The process was asked to end.
    """
    started = time.perf_counter()
    parse_engine(engine)
    recipe, proxies = loaded.recipe, ProxyFactory(loaded.recipe)
    problem = search_problem(recipe, seed)
    sampler = make_sampler(problem)
    setup = ExecutorSetup(
        proxies=proxies,
        run=run,
        device=device,
        workers=workers,
        threads=threads or 1,
        engine=engine,
        address=ray_address,
        expected=expected_trials(problem, sampler),
    )
    runs = make_executor(executor, setup)
    digest = proxies.source.digest
    proxies.family()
    location = choose_location(run, storage)
    with ExitStack() as context:
        # start workers first: they must not inherit the lock, the database connection or the
        # handler of signals, with which one that is ended while it starts would print a traceback
        context.enter_context(runs)
        with handle_termination(), run_lock(run, location.shared):
            stored_in = location.stored_in(run) if location.shared else None
            environment = describe_environment(runs.device, seed, digest, stored_in)
            study = open_study(run, location, recipe, environment)
            costs = {size: training_flops(proxies, size).value for size in problem.rungs}
            driver = Driver(problem, sampler, pruning_of(recipe), runs, costs, run, on_progress)
            drive(driver, study, context.pop_all())
            if not driver.missing() and setup.checkpoints is not None:
                rmtree(setup.checkpoints, ignore_errors=True)  # of trials that others ended
            return driver.document(time.perf_counter() - started)


def drive(driver: Driver, study: Study, workers: ExitStack) -> None:
    """Run the trials, end the workers, and write the curves, however the trials ended."""
    try:
        with workers:
            driver.drive(study)
    finally:
        with write_lock(driver.run):
            with suppress(InputError):  # storage unreachable: write what was last read
                driver.records = study.records()
            if driver.records:
                write_curves(driver.run, driver.records)


def open_study(
    run: Path, location: StorageLocation, recipe: Recipe, environment: dict[str, Any]
) -> Study:
    """Prepare the run directory, and open or create its study.

    Args:
        run: The run directory, locked by this process.
        location: Where the study is stored.
        recipe: The recipe of the sweep.
        environment: Versions, device, seed and data digest, stored beside the recipe.

    Raises:
        InputError: The run or the study belongs to another recipe, or cannot be written.
    """
    with write_lock(run):
        is_new = not (run / RECIPE).is_file()
        prepare(run, recipe, environment)
        try:
            study = Study.open(location, recipe, create=True)
        except InputError:
            if is_new:  # a storage that never worked is not kept
                undo_prepare(run)
            raise
    if location.shared:
        seed, digest = environment["seed"], environment["data_digest"]
        study.require_same(recipe, seed=seed, data_digest=digest)
    return study


def expected_trials(problem: SearchProblem, sampler: Sampler) -> int:
    """Trials per rung to choose the engine for if rounds are small; 0: those of one round."""
    if not SAMPLERS[problem.search.sampler].has_small_rounds:
        return 0
    return sampler.count_trials().each
