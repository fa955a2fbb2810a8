"""`mutransfer sweep`: train the proxies of a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.executors import DEFAULT_EXECUTOR, EXECUTORS, require_executor
from mutransfer_cli.catalog.loggers import LOGGERS, require_loggers
from mutransfer_cli.catalog.sizes import SIZES, named_sizes, varying_sizes
from mutransfer_cli.cli.arguments.shared_options import Json, Seed, Sets, Threads
from mutransfer_cli.cli.terminal.output import show_line

if TYPE_CHECKING:
    from mutransfer_cli.documents.sweep import DryRunDocument, SweepDocument, TargetCost


def sweep(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe.")],
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="PATH", help="Run directory: runs/NAME."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Estimate trials, FLOPs, memory and time."),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Workers; default: one per core."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URL",
            help="Study that several sweeps share: journal:PATH, sqlite:///PATH or "
            "postgresql://user@host/database.",
        ),
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            metavar="NAME",
            help="Where trials run: "
            + ", ".join(f"{e.name} ({e.summary})" for e in EXECUTORS)
            + ".",
        ),
    ] = DEFAULT_EXECUTOR,
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address",
            metavar="ADDRESS",
            help="Ray cluster, such as ray://head:10001; default: start Ray here.",
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            metavar="NAME",
            help="auto (measure which is fastest), one-by-one, or population:K.",
        ),
    ] = "auto",
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Go on although code, files, versions or the device have changed.",
        ),
    ] = False,
    log: Annotated[
        list[str] | None,
        typer.Option(
            "--log",
            metavar="NAME",
            help=f"Log every trial to a tracker: {', '.join(LOGGERS.names)}; repeatable.",
        ),
    ] = None,
    sets: Sets = None,
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="NAME",
            help="Device: auto, cpu, cuda, cuda:N or mps; a list, or all: workers on each GPU.",
        ),
    ] = "auto",
    seed: Seed = 0,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Train the proxies of a recipe.

    Run the same command again to resume; finished trials are not repeated. The exit code is 1 if
    trials ended and none of them finished.

    Example: mutransfer sweep recipe.yaml --run runs/gpt --dry-run
    """
    require_executor(executor, ray_address)
    require_loggers(log or ())
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.cli.terminal.progress_display import Progress
    from mutransfer_cli.recipe.load import load

    loaded = load(recipe, sets or ())

    folder = run or Path("runs") / loaded.recipe.name
    if dry_run:
        from mutransfer_cli.search.estimate import dry_run as estimate

        costs = estimate(
            loaded,
            device=device,
            workers=workers,
            run=folder,
            engine=engine,
            threads=threads or 1,
            storage=storage,
            seed=seed,
        )
        if as_json:
            print_json(costs)
        else:
            show_costs(costs)
        return
    from mutransfer_cli.fit.sweep_choice import with_choice
    from mutransfer_cli.search.signals import interrupted_by_signals
    from mutransfer_cli.search.sweep import sweep as run_sweep

    with interrupted_by_signals(), Progress("sweep") as progress:
        start_rate, start_note = None, None
        if loaded.recipe.search.start == "probe":
            from mutransfer_cli.probes.search_start import search_start

            start_rate, start_note = search_start(loaded, folder, seed, storage)
            progress.note(start_note)
        document = run_sweep(
            loaded,
            folder,
            device=device,
            seed=seed,
            threads=threads,
            workers=workers,
            on_progress=progress.update,
            engine=engine,
            storage=storage,
            executor=executor,
            ray_address=ray_address,
            accept_changes=accept_changes,
            start_rate=start_rate,
            on_note=progress.note,
            loggers=log or (),
        )
    document = with_choice(document, folder)
    if start_note is not None:
        document = document.model_copy(update={"notes": (start_note, *document.notes)})
    if as_json:
        print_json(document)
    else:
        show(document)
    t = document.trials
    if t.failed + t.diverged > 0 and t.finished + t.pruned == 0:
        show_line("mutransfer: no trial finished", file=sys.stderr)
        raise typer.Exit(1)


def show(document: SweepDocument) -> None:
    """Print the counts, the best trial and the path of the run."""
    t = document.trials
    pruned = f"{t.pruned} pruned, " if t.pruned else ""
    show_line(
        f"{t.finished} of {t.asked} trials finished, {pruned}{t.diverged} diverged, "
        f"{t.failed} failed; "
        f"{document.seconds:.0f} s on {document.workers} × {document.device}"
    )
    if document.best is not None:
        setting = ", ".join(f"{k} = {v:.4g}" for k, v in document.best.params.items())
        show_line(f"choice: {setting}: {document.best.reason}")
    for note in document.notes:
        show_line(f"note: {note}")
    show_line(f"run directory: {document.run}; next: mutransfer fit {document.run}")


def show_costs(document: DryRunDocument) -> None:
    """Print the cost of every rung, of the sweep, and of tuning the target instead."""
    from mutransfer_cli.cli.terminal.output import table

    varying = varying_sizes([rung.model_dump() for rung in document.rungs])
    table(
        "dry run",
        (
            *varying,
            "trials",
            "GFLOP per trial",
            "MB per trial",
            "s per trial alone",
            "s for all",
            "as",
        ),
        (
            (
                *(str(getattr(r, size)) for size in varying),
                str(r.trials),
                f"{r.flops / 1e9:.3g}",
                known(r.bytes, 1e-6),
                known(r.seconds),
                known(r.seconds_all),
                "one by one" if r.population == 1 else f"populations of {r.population}",
            )
            for r in document.rungs
        ),
    )
    memory = f"{known(document.bytes, 1e-6)} MB at a time, " if document.bytes else ""
    time = f"about {duration(document.seconds)}" if document.seconds is not None else "time unknown"
    price = f", a price of {document.price:.3g}" if document.price is not None else ""
    growth = ""
    if document.trials_at_most > document.trials:
        growth = f" (at most {document.trials_at_most} if the grid has to grow)"
    show_line(
        f"{document.trials} trials{growth}, {document.flops:.3g} FLOP, {memory}{time}{price} on "
        f"{document.workers} × {document.device}; nothing was trained"
    )
    before = document.seconds_calibration + document.seconds_start
    if document.seconds is not None and before > 0:
        show_line(
            f"of which {document.seconds_training:.3g} s training, "
            f"{document.seconds_calibration:.2g} s choosing the fastest engine, "
            f"{document.seconds_start:.2g} s starting the workers"
        )
    if document.seconds is None:
        show_line(
            "the time of your own program can be estimated once a trial of each width has finished"
        )
    if document.target is not None:
        t = document.target
        show_line(
            f"the same number of trials at the target ({size_words(t)}): "
            f"{t.flops * document.trials:.3g} FLOP; the sweep costs {t.share:.2g} of that"
            + (
                f"; their price at the same speed: {document.price_at_target:.3g}"
                if document.price_at_target is not None
                else ""
            )
        )
    for note in document.notes:
        show_line(f"note: {note}")


def size_words(target: TargetCost) -> str:
    """The target's size along every axis that the model has."""
    sizes = named_sizes({name: getattr(target, name) for name in SIZES})
    return ", ".join(
        f"{n} steps" if name == "steps" else f"{name} {n}" for name, n in sizes.items()
    )


def duration(seconds: float) -> str:
    """A duration in the unit that reads best: minutes, hours or days."""
    for unit, length in (("days", 86400.0), ("h", 3600.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds / 60:.{3 if seconds >= 6000 else 2}g} min"


def known(value: float | None, unit: float = 1.0) -> str:
    """A number in a unit, or `unknown`."""
    return "unknown" if value is None else f"{value * unit:.3g}"
