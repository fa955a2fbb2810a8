"""`mutransfer report`: one page about a run or several."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.cli.arguments.shared_options import Batch, Depth, Json, Steps, Width
from mutransfer_cli.cli.terminal.output import show_line
from mutransfer_cli.errors import Interrupted

EVERY = 30  # seconds between two pages of --watch


def report(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Run directories or tables of runs; also files of check, probe, law and predict "
            "--json, which the page shows too.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="The page to write.")
    ] = Path("report.html"),
    width: Width = None,
    depth: Depth = None,
    batch: Batch = None,
    steps: Steps = None,
    png: Annotated[
        Path | None,
        typer.Option(
            "--png", metavar="FOLDER", help="Also write each plot as PNG into this folder."
        ),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(
            "--svg", metavar="FOLDER", help="Also write each plot as SVG into this folder."
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Serve the page to this machine, and write it again until Ctrl-C."
        ),
    ] = False,
    port: Annotated[int, typer.Option("--port", metavar="N", help="Local port of --watch.")] = 8765,
    as_json: Json = False,
) -> None:
    """Write one page that answers what to set for the large run, and shows why to believe it.

    The page needs no network. Several runs stand side by side, such as muP and its control.

    Example: mutransfer report runs/mup runs/sp -o report.html
    """
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.report.page.write import write_report

    target: dict[str, float | None] = dict(zip(SIZES, (width, depth, batch, steps), strict=False))
    write = partial(write_report, sources, output, target=target, png=png, svg=svg)
    if watch:
        from mutransfer_cli.report.page.serve import LOCAL, keep, or_waiting, serve, write_again

        write_page = or_waiting(partial(write, refresh=EVERY), sources, output, EVERY)
        write_page()
        server = serve(output, port)
        show_line(f"http://{LOCAL}:{server.server_port}/ (Ctrl-C ends it)", file=sys.stderr)
        try:
            write_again(write_page, EVERY)
        except KeyboardInterrupt as error:
            keep(output)
            kept = f"{output} is the page as it was written last"
            raise Interrupted("SIGINT", kept) from error
    document = write()
    if as_json:
        print_json(document)
        return
    for fit in document.fits:
        show_line(f"{fit.source}: {fit.verdict}: {fit.reason}")
    for path in (document.file, *document.plots):
        show_line(f"wrote {path}")
