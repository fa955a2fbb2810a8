"""`mutransfer law`: a scaling law of a table of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.laws import LAWS
from mutransfer_cli.cli.arguments.shared_options import (
    Columns,
    Confidence,
    ExitZero,
    Json,
    Output,
    StudyName,
    Where,
)
from mutransfer_cli.cli.terminal.output import number, show_line
from mutransfer_cli.confidence import CONFIDENCE, percentage, require_confidence
from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from mutransfer_cli.documents.law import LawDocument, Prediction

FORMS = "; ".join(f"{row.name}: {row.summary}" for row in LAWS)
SHOWN = 12  # predictions on the screen; the JSON document has all
UNIDENTIFIED = 3


def law(
    source: Annotated[
        str,
        typer.Argument(metavar="TABLE", help="A table, one run per row, or an Optuna storage."),
    ],
    form: Annotated[
        str | None, typer.Option("--form", metavar="NAME", help=f"Required. {FORMS}.")
    ] = None,
    columns: Columns = None,
    where: Where = None,
    study: StudyName = None,
    along: Annotated[
        str | None,
        typer.Option("--along", metavar="SIZES", help="Sizes of the law, such as params,tokens."),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option("--of", metavar="NAMES", help="Of form optimum, such as lr,weight_decay."),
    ] = None,
    best: Annotated[
        bool,
        typer.Option("--best", help="Fit the best run of each size alone."),
    ] = False,
    floor: Annotated[
        float | None,
        typer.Option("--floor", metavar="E", min=0, help="Fix the irreducible loss; 0: none."),
    ] = None,
    hold_out: Annotated[
        str | None,
        typer.Option(
            "--hold-out",
            metavar="CONDITION",
            help="Rows to predict instead of fitting; default: a second fit, without the "
            "largest sizes, predicts those.",
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="SIZE=NUMBER",
            help="Predict at params=7e9,tokens=1e12, say; repeatable.",
        ),
    ] = None,
    confidence: Confidence = CONFIDENCE,
    resamples: Annotated[
        int, typer.Option("--resamples", metavar="N", min=100, help="Bootstrap refits.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the bootstrap.")] = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PATH", help="Plot the law (PNG).")
    ] = None,
    output: Output = None,
    exit_zero: ExitZero = False,
    as_json: Json = False,
) -> None:
    """Fit a scaling law to a table of runs, and check it on sizes that were held out.

    Example: mutransfer law runs.csv --form power --at params=7e9
    """
    require_confidence(confidence)
    if form is None:
        raise no_form(source, columns or (), where or (), study)
    row = LAWS.get(form)
    if row is None:
        raise InputError(f"--form: {LAWS.unknown(form)}")
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.fit.law.law_fit import LawRequest, fit_law, parse_sizes
    from mutransfer_cli.fit.law.run_columns import read_columns
    from mutransfer_cli.surface.laws.law_form import LawOptions

    request = LawRequest(
        form=row,
        options=LawOptions(confidence=confidence, resamples=resamples, seed=seed, floor=floor),
        hold_out=hold_out,
        at=tuple(parse_sizes(text) for text in at or ()),
        along=names(along),
        of=names(of),
        best=best,
    )
    required = ("loss",) if "loss" in row.columns else ()
    runs = read_columns(
        source,
        required,
        columns=columns or (),
        where=where or (),
        study=study,
        if_present=("loss",),
    )
    result = fit_law(runs, request)
    if output is not None:
        from mutransfer_cli.documents.base import as_json as text_of
        from mutransfer_cli.files import write_text

        write_text(output, text_of(result.document) + "\n")
    if plot is not None:
        from mutransfer_cli.report.law_plot import plot_law

        plot_law(result, plot)
    if as_json:
        print_json(result.document)
    else:
        show(result.document)
    if result.document.unidentified and not exit_zero:
        raise typer.Exit(UNIDENTIFIED)


def no_form(
    source: str, columns: Sequence[str], where: Sequence[str], study: str | None
) -> InputError:
    """The error of a command without `--form`, with the forms for which a table has columns.

    Args:
        source: The table.
        columns: Texts of `--columns`.
        where: Texts of `--where`.
        study: Name of the study, for an Optuna storage with several.

    Raises:
        InputError: The table cannot be read, or is empty.
    """
    from mutransfer_cli.fit.law.law_table import possible_forms
    from mutransfer_cli.fit.law.run_columns import read_columns

    runs = read_columns(source, columns=columns, where=where, study=study, if_present=("loss",))
    possible = possible_forms(runs)
    every = ", ".join(row.name for row in LAWS)
    have = f"; {source} has the columns of {', '.join(possible)}" if possible else ""
    return InputError(f"--form: expected one of {every}{have}")


def names(text: str | None) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


def show(document: LawDocument) -> None:
    """Print parameters, predictions and the check on held-out sizes."""
    from mutransfer_cli.cli.terminal.output import interval, table
    from mutransfer_cli.interval import Interval

    rows: list[tuple[str, str]] = []
    for name, value in document.parameters.items():
        if isinstance(value, Interval):
            rows.append((name, interval(value)))
        else:
            rows += [(f"{name}: {part}", interval(own)) for part, own in value.items()]
    level = percentage(document.confidence)
    title = f"{document.form}, {document.points} points, at {level} confidence"
    table(title, ("parameter", "value"), rows)
    if document.predictions:
        shown = document.predictions[:SHOWN]
        headings = tuple(dict.fromkeys(name for row in shown for name in row))
        hidden = len(document.predictions) - len(shown)
        more = f" (the first {SHOWN} of {len(document.predictions)})" if hidden else ""
        table(f"predictions for a new run{more}", headings, cells(shown, headings))
    form = LAWS.get(document.form)
    of_loss = form is not None and form.predicts_loss
    residual = f"{document.residual:.2%}" if of_loss else f"{document.residual:.3g} octaves"
    show_line(f"residual: {residual} (root mean square)")
    if document.held_out is not None:
        held = document.held_out
        error = f"{held.error:.2%}" if of_loss else f"{held.error:.3g} octaves"
        regret = f", regret at most {max(held.regret):.2%}" if held.regret else ""
        show_line(
            f"held out ({held.rule}): {held.inside} of {held.points} inside, "
            f"median error {error}{regret}"
        )
    show_line(f"method: {document.method}")
    for note in document.notes:
        show_line(f"note: {note}")
    for reason in document.unidentified:
        show_line(f"inconclusive: {reason}")


def cells(rows: Iterable[Prediction], headings: Iterable[str]) -> Iterable[tuple[str, ...]]:
    """The text of each cell of the predictions."""
    from mutransfer_cli.interval import Interval

    for row in rows:
        values = [row.get(name) for name in headings]
        yield tuple(str(v) if isinstance(v, Interval) else number(v) for v in values)
