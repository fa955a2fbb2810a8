"""`mutransfer scale`: the configuration of the large run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mutransfer_cli.cli.options import (
    Batch,
    Debug,
    Depth,
    ExitZero,
    Json,
    Output,
    Sets,
    Steps,
    Tokens,
    Width,
)
from mutransfer_cli.errors import InputError


def register(app: typer.Typer) -> None:
    app.command("scale")(scale)


def scale(
    source: Annotated[Path, typer.Argument(help="A run directory, or a recipe.")],
    width: Width = None,
    depth: Depth = None,
    batch: Batch = None,
    steps: Steps = None,
    tokens: Tokens = None,
    format: Annotated[str, typer.Option("--format", help="json or torch.")] = "json",
    output: Output = None,
    fit: Annotated[
        Path | None, typer.Option("--fit", help="A fit to use instead of the run's own.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A deviation exits 1.")] = False,
    exit_zero: ExitZero = False,
    sets: Sets = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the target's configuration, tensor by tensor."""
    from mutransfer_cli.cli.render import print_json
    from mutransfer_cli.emit.formats import require
    from mutransfer_cli.emit.scale import scale as scaled_by

    require(format)
    if as_json and output is None and format != "json":
        raise InputError(f"--json: stdout holds the document; give -o for the {format} file")
    scaled = scaled_by(
        source,
        sets=sets or (),
        width=width,
        depth=depth,
        batch=batch,
        steps=steps,
        tokens=tokens,
        fit=fit,
        format=format,
    )
    document = scaled.document
    if output is not None:
        from mutransfer_cli.rules.document import write_atomically

        write_atomically(output, scaled.text())
    if as_json:
        print_json(document)
    elif output is None:
        sys.stdout.write(scaled.text())
    else:
        print(f"wrote {output} ({format})")
    said = sys.stderr if as_json or output is None else sys.stdout
    for note in document.notes:
        print(f"note: {note}", file=said)
    for d in document.deviations:
        print(f"deviation: {d.what}: wanted {d.wanted}, got {d.got}: {d.consequence}", file=said)
    if strict and document.deviations and not exit_zero:
        raise typer.Exit(1)
