"""`mutransfer fit`: the optimum of each rung, drift, regret and verdict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.cli.arguments.shared_options import (
    BaseWidth,
    Batch,
    Columns,
    Confidence,
    Depth,
    ExitZero,
    Json,
    LrIs,
    OptimizerOfRuns,
    Output,
    Params,
    Steps,
    StudyName,
    Tokens,
    Where,
    Width,
)
from mutransfer_cli.cli.terminal.output import show_line
from mutransfer_cli.confidence import CONFIDENCE, require_confidence

if TYPE_CHECKING:
    from mutransfer_cli.fit.study_fit import StudyFit


class CommonOptions(TypedDict):
    """Options of the fits of runs and of tables."""

    confidence: float
    tolerance: float
    target: dict[str, float | None]
    axis: str | None


EXIT_CODES = {"holds": 0, "fails": 1, "inconclusive": 3}


def fit(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A run directory, a table of runs (CSV, JSON, Markdown, exports of W&B and "
            "MLflow), or an Optuna storage.",
        ),
    ],
    width: Width = None,
    depth: Depth = None,
    batch: Batch = None,
    steps: Steps = None,
    tokens: Tokens = None,
    params: Params = None,
    tolerance: Annotated[
        str | None,
        typer.Option(
            "--tolerance",
            metavar="SHARE",
            help="Loss that a transfer may cost; default: 0.5%.",
        ),
    ] = None,
    axis: Annotated[
        str | None,
        typer.Option("--axis", metavar="NAME", help="Use only rungs on a line along this size."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="SOURCE",
            help="Compare with other runs at equal compute.",
        ),
    ] = None,
    advise: Annotated[
        bool,
        typer.Option("--advise", help="List proxies, with what a sweep of each promises."),
    ] = False,
    output: Output = None,
    confidence: Confidence = CONFIDENCE,
    lr_is: LrIs = "base",
    optimizer: OptimizerOfRuns = "adamw",
    base_width: BaseWidth = None,
    columns: Columns = None,
    where: Where = None,
    study: StudyName = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="PATH", help="Plot the loss against the learning rate (PNG)."
        ),
    ] = None,
    exit_zero: ExitZero = False,
    as_json: Json = False,
) -> None:
    """Choose every hyperparameter for the target, and show how sure that is and what it rests on.

    The choice has the lowest expected regret at the target (--width …) or at the largest rung.

    Example: mutransfer fit runs/gpt --width 4096
    """
    require_confidence(confidence)
    from mutransfer_cli.cli.printed.fit_tables import show
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.fit.decision.transfer import tolerance_of
    from mutransfer_cli.fit.fit_file import unreadable_fit, write_fit
    from mutransfer_cli.fit.table_fit import default_output, fit_table

    sizes: dict[str, float | None] = dict(zip(SIZES, (width, depth, batch, steps), strict=False))
    sizes |= {"tokens": tokens, "params": params}

    def fit_source(path: str) -> StudyFit:
        common: CommonOptions = {
            "confidence": confidence,
            "tolerance": tolerance_of(tolerance),
            "target": sizes,
            "axis": axis,
        }
        if Path(path).is_dir():
            from mutransfer_cli.fit.run_fit import fit_run  # imports torch: not for a table
            from mutransfer_cli.search.storage.run import Run

            return fit_run(Run.open(Path(path)), **common)
        return fit_table(
            path,
            **common,
            columns=columns or (),
            where=where or (),
            study=study,
            lr_is=lr_is,
            optimizer=optimizer,
            base_width=base_width,
        )

    is_run = Path(source).is_dir()
    target = output or (Path(source) / "fit.json" if is_run else default_output(source))
    fitted = fit_source(source)
    further: dict[str, object] = {}
    if advise:
        further["advice"] = fitted.advice()
    if against is not None:
        further["against"] = fitted.against(fit_source(against))
    document = fitted.document().model_copy(update=further)
    replaced = unreadable_fit(target)
    if replaced is not None:
        show_line(f"mutransfer: {replaced}; it is written again", file=sys.stderr)
    write_fit(document, target)
    if plot is not None:
        from mutransfer_cli.report.fit_plot import plot_fit

        plot_fit(fitted, plot)
    if as_json:
        print_json(document)
    else:
        if fitted.understanding is not None:
            show_line(f"read {document.source}: {fitted.understanding.line}")
        show(fitted, document, target)
    code = EXIT_CODES[document.verdict]
    if code and not exit_zero:
        raise typer.Exit(code)
