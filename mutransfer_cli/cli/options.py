"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value of the recipe; repeatable."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="NAME=COLUMN,…",
        help="What columns of a table mean, such as width=d_model,loss=eval/loss; "
        "ignore=COLUMN leaves one out, lr=2^COLUMN reads logarithms; repeatable.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Rows of a table to use, such as optimizer=adamw or params>4e8; repeatable.",
    ),
]
StudyName = Annotated[
    str | None, typer.Option("--study", help="Study of an Optuna storage; default: the only one.")
]
LrIs = Annotated[
    str,
    typer.Option(
        "--lr-is",
        help="Meaning of `lr` in a table: base (quoted at the base width) or raw (rate of the "
        "hidden matrices).",
    ),
]
OptimizerOfRuns = Annotated[
    str, typer.Option("--optimizer", help="Optimizer of the runs in a table, for --lr-is raw.")
]
BaseWidth = Annotated[
    int | None,
    typer.Option("--base-width", min=1, help="Base width of a table; default: its smallest width."),
]
Params = Annotated[
    float | None,
    typer.Option("--params", min=1, help="Parameters of the target, for tables that have them."),
]
Confidence = Annotated[
    float, typer.Option("--confidence", help="Confidence level of all intervals, between 0 and 1.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 instead of 1 or 3.")]
Device = Annotated[str, typer.Option("--device", help="Device: auto, cpu, cuda, cuda:N or mps.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="First seed.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads per worker.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")]
Width = Annotated[int | None, typer.Option("--width", min=1, help="Width of the target.")]
Depth = Annotated[int | None, typer.Option("--depth", min=1, help="Depth of the target.")]
Batch = Annotated[
    int | None, typer.Option("--batch", min=1, help="Examples per step of the target.")
]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="Steps of the target.")]
Tokens = Annotated[
    float | None,
    typer.Option(
        "--tokens", min=1, help="Training tokens of the target, such as 2e10, instead of --steps."
    ),
]
