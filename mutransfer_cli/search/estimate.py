"""Estimates what a sweep would cost, compared with tuning the target itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mutransfer_cli.catalog.executors import DEFAULT_EXECUTOR
from mutransfer_cli.documents.sweep import DryRunDocument, RungCost, TargetCost
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import LoadedRecipe
from mutransfer_cli.recipe.size import Size, recipe_target
from mutransfer_cli.search.executors.protocol import Executor, ExecutorSetup, make_executor
from mutransfer_cli.search.grouping.engine import parse_engine
from mutransfer_cli.search.problem import require_patterns, search_problem
from mutransfer_cli.search.resume.study_survey import survey
from mutransfer_cli.search.rung_times import RungTimes, measure_rungs
from mutransfer_cli.search.samplers.protocol import TrialCount, make_sampler
from mutransfer_cli.search.storage.run_directory import choose_location
from mutransfer_cli.search.sweep import expected_trials
from mutransfer_cli.train.batches import require_own_batches
from mutransfer_cli.train.cost import Cost, training_flops


def dry_run(
    loaded: LoadedRecipe,
    *,
    device: str = "auto",
    workers: int | None = None,
    run: Path | None = None,
    engine: str = "auto",
    threads: int = 1,
    storage: str | None = None,
    seed: int = 0,
) -> DryRunDocument:
    """Estimate a sweep: FLOPs counted on the meta device, time from a few steps on each rung.

    Args:
        loaded: The recipe.
        device: auto, cpu, cuda …
        workers: Trials or groups at a time; None: as many as there is room for.
        run: A run directory, read for the times of earlier trials of a user's program and for
            the engine that was chosen before; nothing is written there.
        engine: auto, one-by-one or population:K.
        threads: CPU threads of each worker.
        storage: Location of a shared study, read for the trials that it has; None: in the run.
        seed: The first seed of the sweep.

    Raises:
        InputError: The recipe, its data or an option is unusable, or the study is another's.
    """
    location = None if run is None else choose_location(run, storage)
    found = () if location is None else survey(location, loaded.recipe, seed)
    proxies = ProxyFactory(loaded.recipe)
    parse_engine(engine)
    starts = loaded.recipe.search.start == "probe"
    problem = search_problem(loaded.recipe, 0, loaded.recipe.optimizer.lr if starts else None)
    require_patterns(proxies, problem)
    require_own_batches(proxies, problem.rungs)
    sampler = make_sampler(problem)
    sizes, each = problem.rungs, sampler.count_trials().each
    setup = ExecutorSetup(
        proxies=proxies,
        run=run,
        device=device,
        workers=workers,
        threads=threads,
        engine=engine,
        expected=expected_trials(problem, sampler),
    )
    executor = make_executor(DEFAULT_EXECUTOR, setup)
    known_costs = executor.known_costs(sizes)
    if known_costs is not None:
        times = RungTimes(known_costs, [None] * len(sizes), [1] * len(sizes))
    else:
        times = measure_rungs(setup, executor.device, executor.workers, sizes, each)
    document = cost_document(proxies, sizes, sampler.count_trials(), times, executor)
    if starts:
        found = (*found, "short runs of the smallest rung come first: they say where it begins")
    document = document.model_copy(update={"notes": (*document.notes, *found)})
    if engine.startswith("population") and all(seconds is None for seconds in times.grouped):
        note = f"--engine {engine}: the estimate assumes trials run one at a time"
        document = document.model_copy(update={"notes": (*document.notes, note)})
    return document


def cost_document(
    proxies: ProxyFactory,
    sizes: Sequence[Size],
    count: TrialCount,
    times: RungTimes,
    executor: Executor,
) -> DryRunDocument:
    """Add up the costs of all rungs.

    Args:
        proxies: Builds the models.
        sizes: The rungs of the sweep.
        count: How many trials each rung takes.
        times: Measured times of each rung.
        executor: Where the trials would run.
    """
    costs, each, workers = times.costs, count.each, executor.workers
    waits = [
        wall_seconds(cost, each, workers, seconds)
        for cost, seconds in zip(costs, times.grouped, strict=True)
    ]
    known = [wait for wait in waits if wait is not None]
    training = sum(known) if len(known) == len(costs) else None
    bytes_each = [c.bytes for c in costs if c.bytes is not None]
    total = sum(c.flops.value for c in costs) * each
    seconds = None if training is None else training + times.calibration + times.start
    target, note = target_cost(proxies, total, each * len(sizes))
    return DryRunDocument(
        rungs=tuple(
            RungCost(
                **s.as_dict(),
                trials=each,
                flops=c.flops.value,
                bytes=c.bytes,
                seconds=c.seconds,
                seconds_all=wait,
                population=population,
            )
            for s, c, wait, population in zip(sizes, costs, waits, times.populations, strict=True)
        ),
        trials=each * len(sizes),
        trials_at_most=count.at_most,
        flops=total,
        target=target,
        bytes=max(bytes_each) * workers if bytes_each else None,
        seconds=seconds,
        price=price_of(proxies, seconds),
        price_at_target=price_of(
            proxies, training / target.share if training is not None and target else None
        ),
        seconds_training=training,
        seconds_calibration=times.calibration,
        seconds_start=times.start,
        workers=workers,
        device=executor.device,
        notes=tuple(n for n in (*(c.flops.note for c in costs), note) if n),
    )


def price_of(proxies: ProxyFactory, seconds: float | None) -> float | None:
    """What these seconds of the device cost; None where the time or the price is unknown."""
    price = proxies.recipe.search.budget.price_per_hour
    return None if price is None or seconds is None else seconds / 3600 * price


def wall_seconds(cost: Cost, trials: int, workers: int, grouped: float | None) -> float | None:
    """Seconds until all trials of a rung have ended; None: unknown.

    Args:
        cost: Cost of one trial.
        trials: Number of trials of the rung.
        workers: Trials or groups at a time.
        grouped: Seconds of the steps of all trials in groups; None: each trains by itself.
    """
    if grouped is not None:
        return grouped + cost.validation_seconds * trials / workers
    return None if cost.seconds is None else cost.seconds * trials / workers


def target_cost(
    proxies: ProxyFactory, spent: float, count: int
) -> tuple[TargetCost | None, str | None]:
    """What the same number of trials would cost at the target's size and steps.

    Args:
        proxies: Builds the recipe's models; a recipe without a target has no target cost.
        spent: FLOPs of the sweep.
        count: Trials of the sweep.

    Returns:
        The cost, and a note if its FLOPs are an estimate rather than a count.
    """
    if proxies.recipe.target is None:
        return None, None
    size = recipe_target(proxies.recipe)
    flops = training_flops(proxies, size)
    cost = TargetCost(
        **size.as_dict(),
        flops=flops.value,
        share=spent / (flops.value * count),
    )
    return cost, flops.note
