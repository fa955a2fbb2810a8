"""`mutransfer summary`: a run in a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mutransfer_cli.cli.arguments.shared_options import Json
from mutransfer_cli.cli.terminal.output import show_line


def summary(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    as_json: Json = False,
) -> None:
    """Print a run's optima, the cost of the transfer, and the paths of its files.

    Example: mutransfer summary runs/gpt
    """
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.fit.run_summary import summarize
    from mutransfer_cli.search.storage.run import Run

    document = summarize(Run.open(run))
    if as_json:
        print_json(document)
        return
    for line in document.lines:
        show_line(line)
    show_line("files: " + ", ".join(document.files))
