"""Commands of the interface that this version does not have yet: refused in one line."""

from __future__ import annotations

import typer

from mutransfer_cli.errors import InputError

COMMANDS = {
    "predict": "`mutransfer scale RUN` gives the optimum extrapolated along the measured drift",
    "law": "`mutransfer fit FILE.csv` fits optima of a table of runs",
    "probe": "`mutransfer check` gives the regime",
    "report": "`mutransfer summary RUN` prints the run in a few lines",
}


def register(app: typer.Typer) -> None:
    for name, nearest in COMMANDS.items():
        add(app, name, nearest)


def add(app: typer.Typer, name: str, nearest: str) -> None:
    @app.command(
        name,
        help="Not available in this version.",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def refuse() -> None:
        raise InputError(f"{name}: not available in this version; {nearest}")
