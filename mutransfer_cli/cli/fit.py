"""`mutransfer fit`: the optimum of each rung, drift, regret and verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.sizes import SIZES, TABLE_SIZES
from mutransfer_cli.cli.options import Columns, ExitZero, Json, Output, StudyName, Where
from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from mutransfer_cli.documents.fit import FitDocument, Rung

EXIT_CODES = {"holds": 0, "fails": 1, "inconclusive": 3}


def fit(
    source: Annotated[
        str,
        typer.Argument(
            help="A run directory, a table of runs (CSV, TSV, JSON, JSON lines, Markdown, exports "
            "of W&B and MLflow) or an Optuna storage."
        ),
    ],
    output: Output = None,
    confidence: Annotated[
        float,
        typer.Option("--confidence", help="Confidence level of all intervals, between 0 and 1."),
    ] = 0.95,
    lr_is: Annotated[
        str,
        typer.Option(
            "--lr-is",
            help="Meaning of `lr` in a table: base (quoted at the base width) or raw (rate of the "
            "hidden matrices).",
        ),
    ] = "base",
    optimizer: Annotated[
        str, typer.Option("--optimizer", help="Optimizer of the runs in a table, for --lr-is raw.")
    ] = "adamw",
    base_width: Annotated[
        int | None,
        typer.Option(
            "--base-width", min=1, help="Base width of a table; default: its smallest width."
        ),
    ] = None,
    columns: Columns = None,
    where: Where = None,
    study: StudyName = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Plot the loss against the learning rate (PNG).")
    ] = None,
    exit_zero: ExitZero = False,
    as_json: Json = False,
) -> None:
    """Find the optimum of each rung with its interval, and how well it transfers."""
    if not 0 < confidence < 1:
        raise InputError(f"--confidence {confidence:g}: expected a number between 0 and 1")
    from mutransfer_cli.cli.output import print_json
    from mutransfer_cli.fit.fit_file import write_fit
    from mutransfer_cli.fit.run_fit import fit_run
    from mutransfer_cli.fit.table_fit import default_output, fit_table
    from mutransfer_cli.search.storage.run import Run

    path = Path(source)
    if path.is_dir():
        target = output or path / "fit.json"
        fitted = fit_run(Run.open(path), confidence=confidence)
    else:
        target = output or default_output(source)
        fitted = fit_table(
            source,
            confidence=confidence,
            columns=columns or (),
            where=where or (),
            study=study,
            lr_is=lr_is,
            optimizer=optimizer,
            base_width=base_width,
        )
    document = fitted.document()
    write_fit(document, target)
    if plot is not None:
        from mutransfer_cli.report.fit_plot import plot_fit

        plot_fit(fitted, plot)
    if as_json:
        print_json(document)
    else:
        if fitted.understanding is not None:
            print(f"read {document.source}: {fitted.understanding.line}")
        show(document, target)
    code = EXIT_CODES[document.verdict]
    if code and not exit_zero:
        raise typer.Exit(code)


def show(document: FitDocument, target: Path) -> None:
    """Print the table of rungs, the drift of each axis, and the verdict."""
    from mutransfer_cli.cli.output import interval, number, table

    sizes = (*SIZES, *TABLE_SIZES)
    known = {s: {getattr(r, s) for r in document.rungs} for s in sizes}
    varied = [s for s in sizes if len(known[s]) > 1 or (s == "width" and known[s] != {None})]
    regret = {(name, r.size): r for name, axis in document.axes.items() for r in axis.regret}

    pruned = any(r.pruned for r in document.rungs)

    def extra_loss(rung: Rung) -> str:
        keys = [(axis, getattr(rung, axis)) for axis in document.axes]
        r = next((regret[k] for k in keys if k in regret), None)
        if r is None or r.value is None:
            return "-"
        spread = "" if r.low is None or r.high is None else f" ({r.low:.2%} to {r.high:.2%})"
        return f"{r.value:.2%}{spread}"

    table(
        f"optimum of each rung, at {document.confidence:.0%} confidence",
        (
            *varied,
            "lr",
            "loss",
            "points",
            "diverged",
            *(["pruned"] if pruned else []),
            "extra loss with the smallest rung's lr",
            "note",
        ),
        (
            (
                *("-" if (size := getattr(r, name)) is None else f"{size:.12g}" for name in varied),
                interval(r.optimum.get("lr") if r.optimum else None),
                number(r.loss),
                str(r.points),
                str(r.censored),
                *([str(r.pruned)] if pruned else []),
                extra_loss(r),
                r.note or "",
            )
            for r in document.rungs
        ),
    )
    for name, axis in document.axes.items():
        print(f"drift: {interval(axis.drift)} octaves of the learning rate per doubling of {name}")
    print(f"{document.verdict}: {document.reason}")
    for note in document.notes:
        if note != document.reason:
            print(f"note: {note}")
    print(f"wrote {target}")
