"""`mutransfer predict`: loss and optimum at a target, as a forecast that can be scored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    Params,
    Steps,
    StudyName,
    Tokens,
    Where,
    Width,
)
from mutransfer_cli.cli.terminal.output import number, show_line, show_verdict
from mutransfer_cli.confidence import CONFIDENCE, percentage, require_confidence
from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from mutransfer_cli.documents.predict import PredictDocument

EXIT_CODES = {True: 0, False: 1, None: 3}  # by whether the loss is inside the interval
INCONCLUSIVE = 3


def predict(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A run directory, a table of runs or an Optuna storage; with --score, "
            "that of the target.",
        ),
    ] = None,
    width: Width = None,
    depth: Depth = None,
    batch: Batch = None,
    steps: Steps = None,
    tokens: Tokens = None,
    params: Params = None,
    confidence: Confidence = CONFIDENCE,
    pilot: Annotated[
        str | None,
        typer.Option(
            "--pilot",
            metavar="SOURCE",
            help="Short runs at the target, to revise the prediction.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="File for the sealed forecast."),
    ] = None,
    score: Annotated[
        Path | None,
        typer.Option("--score", metavar="PATH", help="A forecast: show what came true."),
    ] = None,
    loss: Annotated[
        float | None,
        typer.Option("--loss", metavar="NUMBER", help="With --score: the target's loss."),
    ] = None,
    started: Annotated[
        str | None,
        typer.Option(
            "--started",
            metavar="DATE",
            help="With --score: when the target's run started (2026-11-26T14:30, UTC).",
        ),
    ] = None,
    lr_is: LrIs = "base",
    optimizer: OptimizerOfRuns = "adamw",
    base_width: BaseWidth = None,
    columns: Columns = None,
    where: Where = None,
    study: StudyName = None,
    exit_zero: ExitZero = False,
    as_json: Json = False,
) -> None:
    """Predict loss and optimum at a target, and score the prediction later.

    With -o the prediction becomes a forecast, dated and sealed by a digest. --score shows what came
    true; it refuses a forecast that was edited, or made after the target's run had started.

    Example: mutransfer predict runs/gpt --width 4096 -o forecast.json
    """
    require_confidence(confidence)
    given = {
        name: float(value)
        for name, value in (
            ("width", width), ("depth", depth), ("batch", batch), ("steps", steps),
            ("tokens", tokens), ("params", params),
        )
        if value is not None
    }  # fmt: skip
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.fit.forecast.forecasting import make_prediction, score_forecast
    from mutransfer_cli.fit.forecast.ladder_runs import TableOptions

    table = TableOptions(columns or (), where or (), study, lr_is, optimizer, base_width)
    if score is not None:
        if given or pilot is not None:
            raise InputError("--score: the forecast names its target; omit sizes and --pilot")
        document = score_forecast(score, source, loss=loss, started=started, table=table)
    else:
        for name, value in (("--loss", loss), ("--started", started)):
            if value is not None:
                raise InputError(f"{name}: only with --score FORECAST")
        if source is None:
            raise InputError("expected a run directory or a table of runs")
        document = make_prediction(
            source, given, confidence=confidence, pilot=pilot, output=output, table=table
        )
    if as_json:
        print_json(document)
    else:
        show(document, output)
    if document.score is not None:
        code = EXIT_CODES[document.score.inside]
    else:
        code = 0 if document.inconclusive is None else INCONCLUSIVE
    if code and not exit_zero:
        raise typer.Exit(code)


def show(document: PredictDocument, output: Path | None) -> None:
    """Print the prediction, the forecast's digest, and the score."""
    from mutransfer_cli.cli.terminal.output import interval

    inconclusive = document.inconclusive if document.score is None else None
    if inconclusive is not None:
        show_verdict("inconclusive", f": {inconclusive}")
    sizes = ", ".join(f"{k} {number(v)}" for k, v in document.target.items() if v is not None)
    unit = "octave" if document.distance == 1 else "octaves"
    show_line(f"target: {sizes}; {document.distance:.3g} {unit} beyond the largest rung")
    show_line(f"at {percentage(document.confidence)} confidence:")
    show_line(f"  loss: {interval(document.loss)}")
    for name, optimum in document.optimum.items():
        show_line(f"  {name}: {interval(optimum)}")
    regret = document.regret
    if regret is not None and regret.low is not None:
        low = f"{regret.low:.2%}"
        bounds = f"at least {low}" if regret.high is None else f"{low} to {regret.high:.2%}"
        show_line(f"  extra loss of this choice: {regret.value:.2%} ({bounds})")
    if document.reason is not None and (inconclusive is None or document.loss is not None):
        show_line(f"note: {document.reason}")
    if document.pilot is not None:
        show_line(f"pilot: {document.pilot.change} ({document.pilot.method})")
    for note in document.notes:
        show_line(f"note: {note}")
    if document.score is not None:
        show_line(score_line(document))
    elif document.digest is not None:
        show_line(f"sealed on {document.made} in {output}")
        show_line(f"digest: {document.digest}")


def score_line(document: PredictDocument) -> str:
    """What came true, in one line."""
    score = document.score
    assert score is not None
    verdict = {True: "inside", False: "outside", None: "without an interval"}[score.inside]
    return (
        f"{verdict}: loss {score.loss:.4g}, {score.error:+.2%} from the forecast of {document.made}"
    )
