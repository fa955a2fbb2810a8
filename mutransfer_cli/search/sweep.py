"""The sweep: trains the proxies of a recipe and stores the results in a run directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import rmtree

from mutransfer_cli.catalog.executors import DEFAULT_EXECUTOR
from mutransfer_cli.catalog.loggers import require_loggers
from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.documents.sweep import SweepDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import LoadedRecipe
from mutransfer_cli.search.driver import Driver
from mutransfer_cli.search.executors.protocol import ExecutorSetup, make_executor
from mutransfer_cli.search.grouping.engine import parse_engine
from mutransfer_cli.search.loggers.logged_trials import LoggedTrials
from mutransfer_cli.search.problem import pruning_of, require_patterns, search_problem
from mutransfer_cli.search.progress import Event
from mutransfer_cli.search.provenance.inputs import inputs_of
from mutransfer_cli.search.provenance.provenance import Provenance, provenance_of
from mutransfer_cli.search.provenance.watch import Watch
from mutransfer_cli.search.resume.start import Start
from mutransfer_cli.search.samplers.protocol import Sampler, SearchProblem, make_sampler
from mutransfer_cli.search.signals import handle_termination, require_not_interrupted
from mutransfer_cli.search.storage.locks import run_lock, write_lock
from mutransfer_cli.search.storage.run_directory import (
    choose_location,
    describe_environment,
    write_curves,
)
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.train.batches import require_own_batches
from mutransfer_cli.train.checkpoint.checkpointer import FOLDER
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
    accept_changes: bool = False,
    start_rate: float | None = None,
    on_note: Callable[[str], None] = lambda text: None,
    loggers: Sequence[str] = (),
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
        accept_changes: Whether trials may be added to those that were made with other code, files,
            versions or another device.
        start_rate: Learning rate about which the search begins; None: it begins as the recipe says.
        on_note: Called with remarks while the sweep is running.
        loggers: Names of the trackers to which trials are logged.

    Raises:
        InputError: The recipe, its data, an option or the directory is unusable; before any
            training.
        Interrupted: The process was asked to end.
    """
    started = time.perf_counter()
    parse_engine(engine)
    trackers = require_loggers(loggers)
    recipe, proxies = loaded.recipe, ProxyFactory(loaded.recipe)
    problem = search_problem(recipe, seed, start_rate)
    sampler = make_sampler(problem)
    digest = proxies.source.digest
    proxies.family()  # imports the user's code
    require_patterns(proxies, problem)
    require_own_batches(proxies, problem.rungs)
    watch = Watch(inputs_of(recipe))
    setup = ExecutorSetup(
        proxies=proxies,
        run=run,
        device=device,
        workers=workers,
        threads=threads or 1,
        engine=engine,
        address=ray_address,
        expected=expected_trials(problem, sampler),
        code=Provenance({}, watch.digests).id,
    )
    runs = make_executor(executor, setup)
    location = choose_location(run, storage)
    with ExitStack() as context:
        # start workers first: they must not inherit the lock, the database connection or the
        # handler of signals, with which one that is ended while it starts would print a traceback
        context.enter_context(runs)
        with handle_termination(), run_lock(run, location.shared):
            stored_in = location.stored_in(run) if location.shared else None
            environment = describe_environment(runs.device, seed, digest, stored_in)
            provenance = provenance_of(recipe, runs.device, digest, watch.digests)
            environment |= {"provenance": provenance.id, "made_with": provenance.as_dict()}
            if start_rate is not None:
                environment["start_rate"] = start_rate
            start = Start(run, location, recipe, environment, provenance, accept_changes)
            study, notes = start.open()
            logged = LoggedTrials(run, on_note)
            context.callback(logged.close)
            logged.open(trackers, recipe.name)
            watch.reads_code_again = runs.reads_code_again
            costs = {size: training_flops(proxies, size).value for size in problem.rungs}
            driver = Driver(
                problem, sampler, pruning_of(recipe), runs, costs, run, on_progress, on_note,
                logged.add, watch, provenance.id, notes=list(notes),
            )  # fmt: skip
            drive(driver, study, context.pop_all())
            if not driver.missing() and setup.run is not None:
                rmtree(run / FOLDER, ignore_errors=True)  # of trials that others ended
            return driver.document(time.perf_counter() - started)


def drive(driver: Driver, study: Study, workers: ExitStack) -> None:
    """Run the trials, end the workers, and write the curves, however the trials ended."""
    try:
        with workers:
            driver.drive(study)
    except BaseException:
        with suppress(InputError):  # the first error is the one to show
            store_curves(driver, study)
        require_not_interrupted()
        raise
    store_curves(driver, study)


def store_curves(driver: Driver, study: Study) -> None:
    """Write the curves of all trials that have ended."""
    with write_lock(driver.run):
        with suppress(InputError):  # storage unreachable: write what was last read
            driver.records = study.records()
        if driver.records:
            write_curves(driver.run, driver.records)


def expected_trials(problem: SearchProblem, sampler: Sampler) -> int:
    """Trials per rung to choose the engine for if rounds are small; 0: those of one round."""
    if not SAMPLERS[problem.search.sampler].has_small_rounds:
        return 0
    return sampler.count_trials().each
