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
        str | None,
        typer.Option(
            "--storage",
            metavar="URL",
            help="Where several sweeps share one study: journal:PATH, sqlite:///PATH or "
            "postgresql://user@host/database. By default SQLite in the run directory.",
        ),
    ] = None,
    executor: Annotated[str, typer.Option("--executor", help="local.")] = "local",
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            help="How trials train: one-by-one, population or population:K. auto measures both, "
            "takes the faster, and keeps to it in this run.",
        ),
    ] = "auto",
    sets: Sets = None,
    device: Device = "auto",
    seed: Seed = 0,
    threads: Threads = 1,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train the proxies of a recipe. Run again: goes on where it stopped, repeats nothing."""
    if executor != "local":
        raise InputError(f"--executor {executor}: not available in this version; expected local")
    from mutransfer_cli.cli.progress import Progress
    from mutransfer_cli.cli.render import print_json
    from mutransfer_cli.recipe.load import load

    loaded = load(recipe, sets or ())
    from mutransfer_cli.search import sweep as room

    if dry_run:
        costs = room.dry_run(loaded, device=device, workers=workers)
        if as_json:
            print_json(costs)
        else:
            show_costs(costs)
        return
    folder = run or Path("runs") / loaded.recipe.name
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
            storage=storage,
            engine=engine,
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
                f"{r.bytes / 1e6:.3g}",
                f"{r.seconds:.3g}",
            )
            for r in document.rungs
        ),
    )
    print(
        f"{document.trials} trials (at most {document.trials_at_most} if the grid has to grow), "
        f"{document.flops:.3g} FLOP, {document.bytes / 1e6:.3g} MB at a time, about "
        f"{document.seconds:.0f} s on {document.workers} × {document.device}; nothing was trained"
    )
