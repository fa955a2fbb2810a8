"""`mutransfer summary`: a run in a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mutransfer_cli.cli.options import Json


def summary(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    as_json: Json = False,
) -> None:
    """Print the optima, the cost of the transfer, and where the files are."""
    from mutransfer_cli.cli.output import interval, print_json
    from mutransfer_cli.documents.summary import SummaryDocument
    from mutransfer_cli.fit.run_fit import fit_run
    from mutransfer_cli.search.storage.run import Run

    opened = Run.open(run)
    records = opened.records
    fitted = fit_run(opened).document()
    used = sum(r.seconds for r in records)
    lines = [f"{len(records)} trials, {used:.0f} core-seconds in total"]
    for rung in fitted.rungs:
        lr = interval(rung.optimum.get("lr") if rung.optimum else None, none="no optimum in range")
        axes = dict.fromkeys(("width", *fitted.axes))
        size = ", ".join(f"{axis} {getattr(rung, axis)}" for axis in axes)
        lines.append(f"{size}: best lr {lr}, loss {rung.loss or float('nan'):.4f}")
    for axis, along in fitted.axes.items():
        lines.append(f"drift: {interval(along.drift)} octaves per doubling of {axis}")
        lines += [
            f"taking the smallest rung's optimum to {axis} {cost.size} costs {cost.value:.2%} "
            "of its loss"
            for cost in along.regret
            if cost.value is not None
        ]
    lines.append(f"transfer {fitted.verdict}: {fitted.reason}")
    lines += [f"note: {note}" for note in fitted.notes if note != fitted.reason]
    files = sorted(str(p) for p in run.iterdir() if not p.name.startswith("."))
    if as_json:
        print_json(SummaryDocument(run=str(run), lines=tuple(lines), files=tuple(files)))
        return
    print("\n".join(lines))
    print("files: " + ", ".join(files))
