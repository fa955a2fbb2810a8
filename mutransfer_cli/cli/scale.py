"""`mutransfer scale`: the configuration of the large run."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.stack_versions import version_lines
from mutransfer_cli.catalog.stacks import DEFAULT_STACK, STACKS, require_stack
from mutransfer_cli.cli.arguments.completion import beginning_with
from mutransfer_cli.cli.arguments.shared_options import (
    Batch,
    Depth,
    ExitZero,
    Json,
    Sets,
    Steps,
    Tokens,
    Width,
)
from mutransfer_cli.cli.terminal.output import show_line
from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from mutransfer_cli.documents.scale import ScaleDocument


def scale(
    source: Annotated[
        Path | None,
        typer.Argument(help="A run directory, or a recipe.", metavar="SOURCE", show_default=False),
    ] = None,
    width: Width = None,
    depth: Depth = None,
    batch: Batch = None,
    steps: Steps = None,
    tokens: Tokens = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help=f"{', '.join(STACKS.names)}.",
            autocompletion=beginning_with(STACKS.names),
        ),
    ] = DEFAULT_STACK,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write, or folder for several; default: print the main file.",
        ),
    ] = None,
    diff: Annotated[
        Path | None,
        typer.Option(
            "--diff",
            metavar="OLD",
            help="Show what changed since an earlier file (json).",
        ),
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option(
            "--fit",
            metavar="PATH",
            help="A fit instead of the run's own: its file, or a run.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show which keys of the file carry each number of the plan.",
        ),
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="With --explain: a part for every tensor.")
    ] = False,
    list_formats: Annotated[
        bool,
        typer.Option("--list-formats", help="Describe the formats, with the versions tried."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if the stack deviates from the plan.")
    ] = False,
    allow_deviations: Annotated[
        bool,
        typer.Option(
            "--allow-deviations",
            help="Write the file even if it lacks a multiplier of the plan.",
        ),
    ] = False,
    exit_zero: ExitZero = False,
    sets: Sets = None,
    as_json: Json = False,
) -> None:
    """Write the configuration of the large run in the format of your training framework.

    What that framework cannot do as planned is reported as a deviation: on the terminal, in the
    JSON document, and as a comment in the file.

    Example: mutransfer scale runs/gpt --width 4096 --format torch -o target.py
    """
    if list_formats:
        show_formats(as_json)
        return
    row = require_stack(format)
    if source is None:
        raise InputError("scale: expected a run directory or a recipe; --list-formats needs none")
    from mutransfer_cli.cli.terminal.output import print_json, write
    from mutransfer_cli.emit.core.header import deviation_line
    from mutransfer_cli.emit.scale import scale as scale_source

    if every and not explain:
        raise InputError("--all: it belongs to --explain")
    if as_json and output is None and not row.is_document and not explain:
        raise InputError(f"--json: stdout is for the document; give -o for the {format} file")
    result = scale_source(
        source,
        sets=sets or (),
        width=width,
        depth=depth,
        batch=batch,
        steps=steps,
        tokens=tokens,
        fit=fit,
        format=format,
        diff=diff,
        explain=explain,
        allow_deviations=allow_deviations,
    )
    document = result.document
    paths = result.write(output) if output is not None else []
    if as_json:
        print_json(document)
    elif document.explanation is not None:
        from mutransfer_cli.cli.printed.explained_keys import show_explanation

        show_explanation(document.explanation, every)
    elif output is None and document.differences is None:
        write(result.text())
    for path in paths if not as_json else []:
        show_line(f"wrote {path} ({format})")
    if document.differences is not None and not as_json:
        show_differences(document, str(diff))
    stream = sys.stderr if as_json or output is None else None
    if document.versions is not None and document.versions.warning is not None:
        show_line(f"warning: {document.versions.warning}", file=sys.stderr)
    for note in document.notes:
        show_line(f"note: {note}", file=stream)
    for deviation in document.deviations:
        show_line(deviation_line(deviation), file=stream)
    if strict and document.deviations and not exit_zero:
        raise typer.Exit(1)


def show_differences(document: ScaleDocument, old: str) -> None:
    """Print what changed since an earlier plan, tensor by tensor."""
    from mutransfer_cli.cli.terminal.output import number, table

    rows = document.differences or ()
    table(
        f"now, and in {old}",
        ("tensor", "what", "now", "old", "old / now"),
        ((d.name, d.what, number(d.here), number(d.there), number(d.ratio)) for d in rows),
    )
    if not rows:
        show_line("nothing changed")


def show_formats(as_json: bool) -> None:
    """Print the formats, and the versions of their stacks."""
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.emit.format_list import formats_document

    document = formats_document()
    if as_json:
        print_json(document)
        return
    for entry in document.formats:
        versions = entry.versions
        paragraph(f"{entry.format}: {entry.summary} ({', '.join(entry.files)})")
        row = STACKS[entry.format].versions
        for line in version_lines(row):
            paragraph(line, "    ")
        if versions.installed is not None:
            paragraph(f"installed here: {versions.package} {versions.installed}", "    ")
        if versions.warning is not None:
            paragraph(f"warning: {versions.warning}", "    ")
    for refused in document.refused:
        instead = f"; use {' or '.join(refused.instead)}" if refused.instead else ""
        paragraph(f"{refused.format}: refused: {refused.reason}{instead}")


def paragraph(text: str, indent: str = "") -> None:
    """Print a text in lines of 80 characters."""
    for line in wrap(text, 80, initial_indent=indent, subsequent_indent=f"{indent}    "):
        show_line(line)
