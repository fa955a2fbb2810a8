"""`mutransfer sweep`: train the proxies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.cli.options import Debug, Device, Json, Seed, Sets, Threads
from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from mutransfer_cli.search.adaptive import Fitted
    from mutransfer_cli.search.document import DryRunDocument, SweepDocument


def register(app: typer.Typer) -> None:
    app.command("sweep")(sweep)


def sweep(
    recipe: Annotated[Path, typer.Argument(help="A recipe.")],
    run: Annotated[
        Path | None, typer.Option("--run", help="Run directory; by default runs/NAME.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what it would cost; train nothing.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; by default one per core.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option("--storage", help="Not available in this version.")
    ] = None,
    executor: Annotated[str, typer.Option("--executor", help="local.")] = "local",
    engine: Annotated[str, typer.Option("--engine", help="auto or one-by-one.")] = "auto",
    sets: Sets = None,
    device: Device = "auto",
    seed: Seed = 0,
    threads: Threads = 1,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train the proxies of a recipe. Run again: goes on where it stopped, repeats nothing."""
    if storage is not None:
        raise InputError("--storage: not available in this version; SQLite in the run directory")
    if executor != "local":
        raise InputError(f"--executor {executor}: not available in this version; expected local")
    if engine not in {"auto", "one-by-one"}:
        raise InputError(f"--engine {engine}: expected auto or one-by-one")
    from mutransfer_cli.cli.progress import Progress
    from mutransfer_cli.cli.render import print_json
    from mutransfer_cli.recipe.load import load

    loaded = load(recipe, sets or ())
    from mutransfer_cli.search import sweep as room

    folder = run or Path("runs") / loaded.recipe.name
    if dry_run:
        costs = room.dry_run(loaded, device=device, workers=workers, run=folder)
        if as_json:
            print_json(costs)
        else:
            show_costs(costs)
        return
    with Progress("sweep") as progress:
        document = room.sweep(
            loaded,
            folder,
            device=device,
            seed=seed,
            threads=threads,
            workers=workers,
            on_progress=lambda e: progress.update(e.done, e.total, e.text),
            fitted=fitted(loaded.recipe.search.sampler),
        )
    if as_json:
        print_json(document)
    else:
        show(document)


def fitted(sampler: str) -> Fitted | None:
    """What the adaptive sampler sharpens; the others need no statistics."""
    if sampler != "adaptive":
        return None
    from mutransfer_cli.fit.rungs import resolved

    return resolved


def show(document: SweepDocument) -> None:
    t = document.trials
    print(
        f"{t.finished} of {t.asked} trials finished, {t.diverged} diverged, {t.failed} failed; "
        f"{document.seconds:.0f} s on {document.workers} × {document.device}"
    )
    if document.best is not None:
        setting = ", ".join(f"{k} = {v:.4g}" for k, v in document.best.params.items())
        print(f"best loss {document.best.loss:.4f} at width {document.best.width}: {setting}")
    for note in document.notes:
        print(f"note: {note}")
    print(f"run directory: {document.run}; next: mutransfer fit {document.run}")


def show_costs(document: DryRunDocument) -> None:
    from mutransfer_cli.cli.render import table

    table(
        "dry run",
        ("width", "trials", "GFLOP a trial", "MB a trial", "s a trial"),
        (
            (
                str(r.width),
                str(r.trials),
                f"{r.flops / 1e9:.3g}",
                known(r.bytes, 1e-6),
                known(r.seconds),
            )
            for r in document.rungs
        ),
    )
    memory = f"{known(document.bytes, 1e-6)} MB at a time, " if document.bytes else ""
    time = f"about {document.seconds:.0f} s" if document.seconds is not None else "time unknown"
    print(
        f"{document.trials} trials (at most {document.trials_at_most} if the grid has to grow), "
        f"{document.flops:.3g} FLOP, {memory}{time} on {document.workers} × {document.device}; "
        "nothing was trained"
    )
    if document.seconds is None:
        print("what a trial of your own program takes is known once some of each width have ended")


def known(value: float | None, unit: float = 1.0) -> str:
    return "unknown" if value is None else f"{value * unit:.3g}"
