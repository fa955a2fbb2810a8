"""`mutransfer probe`: measurements of learning mechanics."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.cli.arguments.completion import beginning_with
from mutransfer_cli.cli.arguments.shared_options import Confidence, ExitZero, Json, Seed, Sets
from mutransfer_cli.cli.terminal.output import show_line, show_verdict
from mutransfer_cli.confidence import CONFIDENCE, percentage, require_confidence
from mutransfer_cli.documents.probe import ProbeLine, ProbeListDocument
from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from mutransfer_cli.documents.probe import ProbeDocument

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}
ALL = "all"
ONE_MINUTES, ALL_MINUTES = 3.0, 20.0
LEAST_MINUTES = 0.1
SHOWN = 20  # measures on the screen; the JSON document has all


def probe(
    name: Annotated[
        str | None,
        typer.Argument(
            help=f"{' | '.join(PROBES.names)} | {ALL}; none: list them.",
            autocompletion=beginning_with((*PROBES.names, ALL)),
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Argument(
            help="A recipe, a run directory, package.module:callable, or a CSV of curves."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            min=0.1,
            help=f"Time that it may take, about: 3 for one probe, {ALL_MINUTES:g} for all of them.",
            show_default=False,
        ),
    ] = None,
    confidence: Confidence = CONFIDENCE,
    predict: Annotated[
        float | None,
        typer.Option(
            "--predict",
            metavar="FRACTION",
            help="collapse: predict final losses from this share of a run.",
        ),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option("--curve", help="collapse: a CSV with that share of the run to predict."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Plot what was measured (PNG).")
    ] = None,
    exit_zero: ExitZero = False,
    sets: Sets = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure what the theory of learning predicts, on a model of your own.

    Example: mutransfer probe sharpness recipe.yaml
    """
    from mutransfer_cli.cli.terminal.output import print_json

    require_confidence(confidence)
    if name is None:
        listed = ProbeListDocument(
            probes=tuple(
                ProbeLine(name=row.name, question=row.question, takes=row.takes) for row in PROBES
            )
        )
        if as_json:
            print_json(listed)
        else:
            show_list(listed)
        return
    from mutransfer_cli.probes.probe_run import run_probe

    names = PROBES.names if name == ALL else (name,)
    started = time.perf_counter()
    total = minutes if minutes is not None else ALL_MINUTES if name == ALL else ONE_MINUTES
    results: list[ProbeDocument] = []
    skipped: dict[str, str] = {}
    for i, each in enumerate(names):
        left = total - (time.perf_counter() - started) / 60
        own = target if name != ALL or PROBES[each].takes else None
        try:
            document = run_probe(
                each,
                own,
                tuple(sets or ()),
                seed=seed,
                minutes=max(LEAST_MINUTES, left / (len(names) - i)),
                confidence=confidence,
                predict=predict,
                curve=curve,
            )
        except InputError as error:
            if name != ALL:
                raise
            skipped[each] = error.message
            continue
        results.append(document)
        if not as_json:
            show(document)
    if name == ALL and not results:
        raise InputError(f"probe all: {next(iter(skipped.values()))}")
    if plot is not None and not any(document.series for document in results):
        show_line(f"--plot {plot}: not written, there is no curve to show", file=sys.stderr)
    elif plot is not None:
        from mutransfer_cli.report.probe_plot import plot_probes

        plot_probes(results, plot)
        results = [d.model_copy(update={"plot": str(plot)}) if d.series else d for d in results]
    if as_json:
        print_json(
            ProbeListDocument(results=tuple(results), skipped=skipped)
            if name == ALL
            else results[0]
        )
    else:
        for each, reason in skipped.items():
            show_line(f"{each}: skipped, {reason}")
    code = max((EXIT_CODES[d.verdict] for d in results), key=lambda c: (c == 1, c))
    if code and not exit_zero:
        raise typer.Exit(code)


def show_list(document: ProbeListDocument) -> None:
    """Print every probe with the question that it answers."""
    from mutransfer_cli.cli.terminal.output import table

    table(
        "probes: mutransfer probe NAME TARGET",
        ("probe", "question", "takes"),
        ((p.name, p.question, ", ".join(p.takes) or "nothing") for p in document.probes),
    )


def show(document: ProbeDocument) -> None:
    """Print the verdict, what to do, and the measures."""
    from mutransfer_cli.cli.terminal.output import number, table

    shown = document.measures[:SHOWN]
    show_verdict(document.verdict, f": {document.reason} ({document.seconds:.1f} s)")
    if document.advice:
        show_line(f"advice: {document.advice}")
    show_line("")
    level = percentage(document.confidence)
    table(
        f"{document.probe}: {document.question} Intervals at {level} confidence.",
        ("measure", "at", "value", "expected"),
        (
            (
                f"{m.name} ({m.unit})" if m.unit else m.name,
                m.place or "-",
                str(m.estimate),
                number(m.expected),
            )
            for m in shown
        ),
    )
    if len(document.measures) > SHOWN:
        show_line(f"{len(document.measures) - SHOWN} further measures: --json")
    for note in document.notes:
        show_line(f"note: {note}")
    show_line(f"method: {document.method}")
