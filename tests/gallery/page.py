"""The pages of the gallery, from its records."""

from __future__ import annotations

import re

from mutransfer_cli.documents.decision import Decided
from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.interval import Interval
from tests.gallery.conditions import conditions
from tests.gallery.entries import ENTRIES, GALLERY, NOT_RUN, Entry, Side
from tests.gallery.record import Record, record_path

HEAD = """# Gallery

Recorded runs of the recipes: each page has the question, the answer with its interval, the plot, the cost and the commands; the JSON beside it is the document of `mutransfer fit` with the conditions of the run. `make gallery` makes all of them anew, `python -m tests.gallery NAME` one. The models are small enough for one CPU core, so the numbers show what the tool does, not what a large model needs. Trials of runs that are benchmarks too are kept in `tests/data/ladders`, without the time that they took. Seconds are wall-clock on a machine that other work kept busy.

`holds`: on the ladder, using the smallest rung's best setting costs at most 0.5 % of the loss at the largest; `fails`: it costs more; a ladder whose interval spans 0.5 % is `inconclusive`. A rung is one of the sizes that are trained, the ladder all of them; an octave is a factor of two. `sp` is the control, the standard parameterization.

| question | answer, and how far the best learning rate moves | run on |
| --- | --- | --- |
"""  # noqa: E501 - a paragraph of Markdown is one line


def read(entry: Entry) -> dict[Side, Record]:
    """The records of an entry, as far as there are any."""
    paths = {side: record_path(entry, side) for side in entry.sides}
    return {
        side: Record.model_validate_json(path.read_text())
        for side, path in paths.items()
        if path.exists()
    }


def write_pages() -> None:
    """Write the page of every recorded entry, and the index."""
    GALLERY.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (GALLERY / name).write_text(text)


def pages() -> dict[str, str]:
    """All pages by file name."""
    recorded = {entry: read(entry) for entry in ENTRIES}
    texts = {f"{entry.name}.md": page(entry, runs) for entry, runs in recorded.items() if runs}
    return {"README.md": index(recorded), **texts}


def index(recorded: dict[Entry, dict[Side, Record]]) -> str:
    """The index: every entry with its answer, and what was not run."""
    rows = [row(entry, runs) for entry, runs in recorded.items() if runs]
    missing = [
        f"`{entry.name}`" + (f" (run `{side.name}`)" if recorded[entry] else "")
        for entry in recorded
        for side in entry.sides
        if side not in recorded[entry]
    ]
    missing += [f"`recipes/{name}.yaml`: {reason}" for name, reason in NOT_RUN.items()]
    not_run = "".join(f"- {text}\n" for text in dict.fromkeys(missing))
    return HEAD + "".join(rows) + (f"\nNot run:\n\n{not_run}" if not_run else "")


def row(entry: Entry, runs: dict[Side, Record]) -> str:
    """Its line of the index."""
    answers = "; ".join(f"{side.name}: {answer(run.fit)}" for side, run in runs.items())
    dates = ", ".join(dict.fromkeys(run.date for run in runs.values()))
    return f"| [{entry.question}]({entry.name}.md) | {answers} | {dates} |\n"


def answer(fit: FitDocument) -> str:
    """The verdict, and how the optimal rate moves along each axis."""
    moves = [
        f"{along.drift['lr'].value:+.2f} octaves per doubling of {axis}"
        for axis, along in fit.axes.items()
        if "lr" in along.drift
    ]
    return " ".join([fit.verdict, *([f"({', '.join(moves)})"] if moves else [])])


def page(entry: Entry, runs: dict[Side, Record]) -> str:
    """The page of one entry."""
    parts = [f"# {entry.question}\n"]
    parts += [section(entry, side, run) for side, run in runs.items()]
    parts.append("[All recorded runs](README.md)\n")
    return "\n".join(parts)


def section(entry: Entry, side: Side, run: Record) -> str:
    """One run: what was trained, answer, plot, decision, notes, cost, commands."""
    fit = run.fit
    lines = [f"## {side.name}: {fit.verdict}\n", conditions(side, fit), f"{sentence(fit.reason)}\n"]
    if (target := fit.separate_target) is not None:
        lines.append(f"At the target: {target.verdict}. {sentence(target.reason)}\n")
    lines += [f"![loss against learning rate of every rung]({entry.name}/{side.name}.png)\n"]
    lines += [decision(fit), drifts(fit), notes(fit)]
    lines += [
        made(run),
        "```console\n" + "".join(f"$ {line}\n" for line in run.commands) + "```\n",
        f"[The fit and its conditions as JSON]({entry.name}/{side.name}.json)\n",
    ]
    return "\n".join(line for line in lines if line)


def made(run: Record) -> str:
    """How it was made: trials, cost, device, date, versions."""
    cost = [] if run.flops is None else [f"{run.flops:.2g} FLOPs"]
    cost += [] if run.seconds is None else [f"{run.seconds:.0f} s"]
    parts = [
        f"{run.trials} trials" + f" and {run.diverged} that diverged" * (run.diverged > 0),
        *cost,
        f"{run.device}",
        run.date,
        *(f"{name} {version}" for name, version in run.versions.items()),
    ]
    return ", ".join(parts) + ".\n"


def decision(fit: FitDocument) -> str:
    """The table of the choice."""
    if not fit.decided:
        return ""
    rows = [
        f"| {name} | {chosen.value:.4g}{bounds(chosen, '.3g')} | {percent(chosen.cost_of_half)} | "
        f"{percent(chosen.cost_of_double)} |"
        for name, chosen in fit.decided.items()
    ]
    head = [f"| for {size(fit)} | value | cost of half | cost of double |", "| --- " * 4 + "|"]
    return "\n".join([*head, *rows]) + "\n"


def drifts(fit: FitDocument) -> str:
    """How the optimum moves along every axis."""
    rows = [
        f"| {name} | {axis} | {drift.value:+.2f}{bounds(drift, '+.2f')} |"
        for axis, along in fit.axes.items()
        for name, drift in along.drift.items()
    ]
    head = ["| moves | along | octaves per doubling |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n" if rows else ""


def notes(fit: FitDocument) -> str:
    """What the fit says beside its verdict, and what its intervals are."""
    intervals = f"All intervals: {100 * fit.confidence:.0f} % confidence."
    listed = [f"- {sentence(note)}" for note in fit.notes]
    return "\n".join([intervals, *([""] if listed else []), *listed]) + "\n"


def size(fit: FitDocument) -> str:
    """The size of the choice in words."""
    where = fit.target or fit.source_rung
    values = where.model_dump(exclude_none=True) if where is not None else {}
    return ", ".join(f"{axis} {value}" for axis, value in values.items()) or "the largest rung"


def bounds(interval: Interval | Decided, form: str) -> str:
    """The interval in parentheses, if there is one."""
    if interval.low is None or interval.high is None:
        return ""
    return f" ({interval.low:{form}} to {interval.high:{form}})"


def percent(cost: Interval | None) -> str:
    """A share of the loss in percent, with its interval."""
    if cost is None:
        return "–"
    reach = ""
    if cost.low is not None and cost.high is not None:
        reach = f" ({100 * cost.low:.2f} to {100 * cost.high:.2f})"
    return f"{100 * cost.value:.2f} %{reach}"


def sentence(text: str | None) -> str:
    """A reason as a sentence of Markdown: capitalized, ended, and safe from its markup."""
    safe = re.sub(r"([*_<>|])", r"\\\1", text or "no reason was recorded")
    return safe[0].upper() + safe[1:] + "."
