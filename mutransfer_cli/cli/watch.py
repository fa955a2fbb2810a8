"""`mutransfer watch`: the state of a sweep, until it ends."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.cli.arguments.shared_options import Json
from mutransfer_cli.cli.terminal.output import number, on_terminal, put, show_line, table
from mutransfer_cli.cli.terminal.progress_display import clock
from mutransfer_cli.cli.terminal.standard_output import is_read, report_stream

if TYPE_CHECKING:
    from mutransfer_cli.documents.watch import WatchDocument

BAR = 40  # characters
CLEAR = "\x1b[H\x1b[J"


def watch(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    once: Annotated[bool, typer.Option("--once", help="Show one state, and exit.")] = False,
    every: Annotated[
        float,
        typer.Option("--every", metavar="SECONDS", min=0.1, help="Seconds between two states."),
    ] = 10.0,
    as_json: Json = False,
) -> None:
    """Show the rungs of a sweep, the best trials so far and the time left, until the sweep ends.

    It reads the run directory alone, so it works beside any sweep. --json shows one state.

    Example: mutransfer watch runs/quickstart
    """
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.report.watch_state import watch_state
    from mutransfer_cli.search.storage.run import Run

    shown: WatchDocument | None = None
    while True:
        document = watch_state(Run.open(run))
        if as_json:
            print_json(document)
            return
        if on_terminal() and not once:
            put(CLEAR)
            show(document)
        elif shown is None or document.done != shown.done:
            show(document)
        shown = document
        if (stream := report_stream()) is not None:
            stream.flush()  # a pipe is read while the sweep runs
        if once or document.state != "unfinished" or not is_read():
            return
        time.sleep(every)


def part(done: int, total: int, of: int) -> int:
    """A share in whole parts, rounded down: all of them only when all is done."""
    return of * done // total if total else of


def show(document: WatchDocument) -> None:
    """Print one state."""
    from mutransfer_cli.report.block_plot import sparkline

    filled = part(document.done, document.total, BAR)
    left = "" if not document.seconds_left else f", {clock(document.seconds_left)} left"
    counts = (
        f", {n} {word}"
        for word in ("pruned", "diverged", "failed")
        if (n := getattr(document, word))
    )
    show_line(
        f"{document.run}: {document.state}: {document.done} of {document.total} trials"
        f"{''.join(counts)}{left}"
    )
    show_line(f"{'█' * filled}{'░' * (BAR - filled)} {part(document.done, document.total, 100)}%")
    show_line("")
    sizes = [
        name
        for name in SIZES
        if name == SIZES[0] or len({getattr(r, name) for r in document.rungs}) > 1
    ]
    names = list(dict.fromkeys(n for r in document.rungs for n in r.hyperparameters)) or ["lr"]
    table(
        "the best trial of every rung",
        (*sizes, "trials", "best loss", *(f"best {n}" for n in names), "training loss"),
        (
            (
                *(str(getattr(r, name)) for name in sizes),
                f"{r.done}/{r.total}",
                number(r.loss),
                *(number(r.hyperparameters.get(n)) for n in names),
                sparkline(r.curve, 24),
            )
            for r in document.rungs
        ),
    )
