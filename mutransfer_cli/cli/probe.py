"""`mutransfer probe`: measurements of learning mechanics."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.cli.arguments.completion import beginning_with
from mutransfer_cli.cli.arguments.shared_options import Confidence, ExitZero, Json, Seed, Sets
from mutransfer_cli.cli.terminal.output import show_line, show_verdict
from mutransfer_cli.confidence import CONFIDENCE, percentage, require_confidence
from mutransfer_cli.documents.probe import ProbeLine, ProbeListDocument
from mutransfer_cli.errors import InputError, Interrupted

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
            metavar="NAME",
            help=f"{' | '.join(PROBES.names)} | {ALL}; none: list them.",
            autocompletion=beginning_with((*PROBES.names, ALL)),
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET",
            help="A recipe, a run directory, package.module:callable, or a CSV of curves.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            metavar="M",
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
        typer.Option(
            "--curve", metavar="PATH", help="collapse: a CSV with that share of the run to predict."
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PATH", help="Plot what was measured (PNG).")
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
    if name == ALL and target is None:
        raise InputError("probe all: expected a recipe, a run directory or package.module:callable")
    total = minutes if minutes is not None else ALL_MINUTES if name == ALL else ONE_MINUTES
    options = {"seed": seed, "confidence": confidence, "predict": predict, "curve": curve}
    results: list[ProbeDocument] = []
    skipped: dict[str, str] = {}
    from mutransfer_cli.search.signals import interrupted_by_signals

    stopped = None
    try:
        with interrupted_by_signals():
            for found in _measured(name, target, tuple(sets or ()), total, skipped, options):
                results.append(found)
                if not as_json:
                    show(found)
    except Interrupted as error:
        stopped = error
    if name == ALL and not results and stopped is None:
        raise InputError(f"probe all: {next(iter(skipped.values()))}")
    results = _plotted(results, plot)
    if name == ALL and as_json:
        print_json(ProbeListDocument(results=tuple(results), skipped=skipped))
    elif as_json and results:
        print_json(results[0])
    for each, reason in () if as_json else skipped.items():
        show_line(f"{each}: skipped, {reason}")
    if stopped is not None:
        raise Interrupted(str(stopped), _kept(name, len(results)))
    code = max((EXIT_CODES[d.verdict] for d in results), key=lambda c: (c == 1, c))
    if code and not exit_zero:
        raise typer.Exit(code)


def _measured(
    name: str,
    target: str | None,
    sets: tuple[str, ...],
    minutes: float,
    skipped: dict[str, str],
    options: dict[str, Any],
) -> Iterator[ProbeDocument]:
    """One probe, or all that take the target, each within its share of the time that is left.

    Args:
        name: Name of a probe, or `all`.
        target: What they measure.
        sets: Overrides `key=value` of a recipe.
        minutes: For all of them together.
        skipped: Receives the probes that cannot measure the target, with the reason.
        options: Further options of `run_probe`.
    """
    from mutransfer_cli.probes.probe_run import applies, run_probe
    from mutransfer_cli.search.signals import require_not_interrupted

    names = PROBES.names if name == ALL else (name,)
    measured = False
    started = time.perf_counter()
    for i, each in enumerate(names):
        if name == ALL and not PROBES[each].takes and not measured:
            continue  # its pass would say nothing of a target that nothing could measure
        left = minutes - (time.perf_counter() - started) / 60
        sharing = [n for n in names[i:] if target is None or applies(n, target)]
        share = max(LEAST_MINUTES, left / max(1, len(sharing)))
        own = target if name != ALL or PROBES[each].takes else None
        if name == ALL and target is not None and applies(each, target):
            line = f"probe: {each} ({i + 1} of {len(names)}), {share:.2g} minutes at most"
            show_line(line, file=sys.stderr, flush=True)
        try:
            document = run_probe(each, own, sets, minutes=share, **options)
        except InputError as error:
            require_not_interrupted()
            if name != ALL:
                raise
            skipped[each] = error.message
            continue
        require_not_interrupted()
        measured = True
        yield document


def _plotted(results: list[ProbeDocument], plot: Path | None) -> list[ProbeDocument]:
    """The documents, with the path of the plot in those that it shows."""
    if plot is None:
        return results
    if not any(document.series for document in results):
        show_line(f"--plot {plot}: not written, there is no curve to show", file=sys.stderr)
        return results
    from mutransfer_cli.report.probe_plot import plot_probes

    plot_probes(results, plot)
    return [d.model_copy(update={"plot": str(plot)}) if d.series else d for d in results]


def _kept(name: str, ended: int) -> str:
    """What an interrupted command leaves: a probe keeps no parts of its measurements."""
    if name != ALL:
        return "a probe that has not ended keeps nothing; run the same command again"
    return (
        f"{ended} of {len(PROBES.names)} probes had ended, and are shown; the same command "
        "measures all of them again, and `probe NAME` one of them"
    )


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
    title = f"{document.probe}: {document.question}"
    rows = (
        (
            f"{m.name} ({m.unit})" if m.unit else m.name,
            m.place or "-",
            str(m.estimate),
            number(m.expected),
        )
        for m in shown
    )
    if shown:
        columns = ("measure", "at", "value", "expected")
        table(f"{title} Intervals at {level} confidence.", columns, rows)
    else:
        show_line(title)
    if len(document.measures) > SHOWN:
        show_line(f"{len(document.measures) - SHOWN} further measures: --json")
    for note in document.notes:
        show_line(f"note: {note}")
    show_line(f"method: {document.method}")
