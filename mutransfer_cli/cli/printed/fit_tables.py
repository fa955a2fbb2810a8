"""The terminal output of `mutransfer fit`: verdicts, decision, plot, rungs, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutransfer_cli.catalog.sizes import SIZES, TABLE_SIZES
from mutransfer_cli.cli.terminal.output import (
    line_width,
    number,
    percent,
    show_line,
    show_verdict,
    table,
)
from mutransfer_cli.confidence import percentage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mutransfer_cli.documents.decision import Decided
    from mutransfer_cli.documents.fit import FitDocument
    from mutransfer_cli.fit.study_fit import StudyFit
    from mutransfer_cli.interval import Interval


def show(study: StudyFit, document: FitDocument, target: Path) -> None:
    """Print the verdicts, the decision, a plot, the rungs and the notes.

    Args:
        study: The fit, for the plot.
        document: Its document.
        target: The file to which it was saved.
    """
    from mutransfer_cli.cli.printed.transfer_tables import (
        show_advice,
        show_comparison,
        show_embedding_rule,
        show_quality,
    )
    from mutransfer_cli.report.block_plot import loss_plot

    show_verdicts(document)
    show_decision(document)
    plot = loss_plot(study, line_width())
    for line in (*plot, *([""] if plot else [])):
        show_line(line)
    show_rungs(document)
    show_quality(document)
    show_advice(document)
    show_comparison(document)
    show_embedding_rule(document)
    for note in document.notes:
        if note != document.reason:
            show_line(f"note: {note}")
    show_line(f"wrote {target}")


def show_verdicts(document: FitDocument) -> None:
    """Print the verdicts on the transfer, the target and the drift, each with its reason."""
    show_verdict(document.verdict, f": {document.reason}")
    if document.separate_target is not None:
        show_line(f"target {document.separate_target.verdict}: {document.separate_target.reason}")
    if any(axis.drift for axis in document.axes.values()):
        known = any(rung.optimum for rung in document.rungs)
        reason = document.drift_reason if known else "no rung has an optimum to compare"
        show_line(f"drift {document.drift_verdict}: {reason}")
    show_line("")


def show_decision(document: FitDocument) -> None:
    """Print the choice of each hyperparameter, with its interval, drift and price of an error."""
    if document.decision is None:
        return
    axes = [name for name, axis in document.axes.items() if axis.drift]
    table(
        f"choice: {document.choice_reason}",
        (
            "hyperparameter",
            "value",
            *(f"drift per doubling of {name}" for name in axes),
            "cost of half",
            "cost of double",
            "note",
        ),
        (
            (
                name,
                estimate(d),
                *(signed(document.axes[axis].drift.get(name)) for axis in axes),
                percent(d.cost_of_half),
                percent(d.cost_of_double),
                f"at the {d.at_end} end of the values that were run" if d.at_end else "",
            )
            for name, d in document.decided.items()
        ),
    )


def show_rungs(document: FitDocument) -> None:
    """Print the optimum of every rung."""
    sizes = (*SIZES, *TABLE_SIZES)
    varied = [s for s in sizes if len({getattr(r, s) for r in document.rungs}) > 1]
    shown = varied or [next((s for s in sizes if getattr(document.rungs[0], s)), SIZES[0])]
    names = list(dict.fromkeys(n for r in document.rungs for n in r.optimum or ())) or ["lr"]
    diverged = any(r.censored for r in document.rungs)
    pruned = any(r.pruned for r in document.rungs)
    table(
        f"optimum of each rung, at {percentage(document.confidence)} confidence",
        (
            *shown,
            *names,
            "loss",
            "points",
            *(["diverged"] if diverged else []),
            *(["pruned"] if pruned else []),
            "extra loss with the smallest rung's optimum",
        ),
        (
            (
                *("-" if (size := getattr(r, s)) is None else number(size) for s in shown),
                *(estimate((r.optimum or {}).get(name)) for name in names),
                number(r.loss),
                str(r.points),
                *([str(r.censored)] if diverged else []),
                *([str(r.pruned)] if pruned else []),
                percent(r.extra_loss),
            )
            for r in document.rungs
        ),
        rung_notes(document, shown),
    )


def rung_notes(document: FitDocument, shown: Sequence[str]) -> list[str]:
    """What is said about the rungs, a line for each text that the verdict has not told.

    Args:
        document: The fit.
        shown: The sizes by which rungs are named.
    """
    from mutransfer_cli.fit.decision.wording import rungs_text

    by_note: dict[str, list[dict[str, float]]] = {}
    for r in document.rungs:
        if r.note and r.note not in document.reason:
            known = {s: float(size) for s in shown if (size := getattr(r, s)) is not None}
            by_note.setdefault(r.note, []).append(known)
    lines = []
    for note, rungs in by_note.items():
        every = len(rungs) == len(document.rungs) > 1
        lines.append(f"  {'every rung' if every else rungs_text(rungs, shown)}: {note}")
    return lines


def signed(drift: Interval | None) -> str:
    """A drift with its sign and interval."""
    if drift is None:
        return "-"
    spread = "" if drift.low is None else f" ({drift.low:+.2f} to {drift.high:+.2f})"
    return f"{drift.value:+.2f}{spread}"


def estimate(value: Interval | Decided | None) -> str:
    """A value with four digits, and its interval with three."""
    if value is None or value.low is None or value.high is None:
        return "-" if value is None else f"{value.value:.4g}"
    return f"{value.value:.4g} ({value.low:.3g} to {value.high:.3g})"
