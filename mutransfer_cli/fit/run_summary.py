"""Summarizes a run in a few lines: its choice, the cost of the transfer, and its files."""

from __future__ import annotations

from collections.abc import Iterator

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.documents.fit import FitDocument, Rung
from mutransfer_cli.documents.summary import SummaryDocument
from mutransfer_cli.fit.decision.wording import signed_interval
from mutransfer_cli.fit.made_with import made_with, made_with_lines
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.search.storage.run import Run


def summarize(run: Run) -> SummaryDocument:
    """The summary of a run.

    Raises:
        InputError: The run cannot be read or fitted.
    """
    seconds = sum(r.seconds for r in run.records)
    fit = fit_run(run).document()
    groups = made_with(run)
    lines = [
        f"{len(run.records)} trials, {seconds:.0f} core-seconds in total",
        *made_with_lines(groups),
        *fit_lines(fit),
    ]
    files = sorted(str(path) for path in run.path.iterdir() if not path.name.startswith("."))
    return SummaryDocument(
        run=str(run.path),
        lines=tuple(lines),
        files=tuple(files),
        made_with=groups,
        hyperparameters=fit.hyperparameters,
        verdict=fit.verdict,
    )


def fit_lines(fit: FitDocument) -> Iterator[str]:
    """One line each for the choice, the optima, the drift and cost along each axis, the verdict."""
    shown = [size for size in SIZES if size == SIZES[0] or size in fit.axes]
    if fit.decision is not None:
        values = ", ".join(f"{name} {value:.4g}" for name, value in fit.hyperparameters.items())
        yield f"choice: {values}: {fit.choice_reason}"
    for rung in fit.rungs:
        yield rung_line(rung, shown)
    for name, axis in fit.axes.items():
        for hyperparameter, drift in axis.drift.items() if fit.decision is not None else ():
            moved = signed_interval(drift)
            yield f"drift of {hyperparameter}: {moved} octaves per doubling of {name}"
        for regret in axis.regret:
            if regret.value is not None:
                yield (
                    f"taking the smallest rung's optimum to {name} {regret.size} costs "
                    f"{regret.value:.2%} of its loss"
                )
    yield f"transfer {fit.verdict}: {fit.reason}"
    if fit.separate_target is not None:
        yield f"target {fit.separate_target.verdict}: {fit.separate_target.reason}"
    yield from (f"note: {note}" for note in fit.notes if note != fit.reason)


def rung_line(rung: Rung, shown: list[str]) -> str:
    """A line with the optimum of a rung.

    Args:
        rung: The rung.
        shown: Names of the sizes to show.
    """
    sizes = ", ".join(f"{name} {getattr(rung, name)}" for name in shown)
    if not rung.optimum:
        lowest = "no loss" if rung.loss is None else f"lowest loss {rung.loss:.4f}"
        return f"{sizes}: no optimum inside its range, {lowest}"
    optimum = ", ".join(f"{name} {value}" for name, value in rung.optimum.items())
    loss = "no loss" if rung.loss is None else f"loss {rung.loss:.4f}"
    return f"{sizes}: best {optimum}, {loss}"
