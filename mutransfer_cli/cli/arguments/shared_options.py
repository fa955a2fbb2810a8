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
        metavar="NAME=COLUMN",
        help="What columns mean: width=d_model,lr=2^x; repeatable.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Rows to use, such as params>4e8; repeatable.",
    ),
]
StudyName = Annotated[
    str | None, typer.Option("--study", metavar="NAME", help="Study of an Optuna storage.")
]
LrIs = Annotated[
    str,
    typer.Option(
        "--lr-is",
        metavar="KIND",
        help="`lr` in a table: base (at the base width) or raw (hidden matrices).",
    ),
]
OptimizerOfRuns = Annotated[
    str, typer.Option("--optimizer", metavar="NAME", help="Of runs with raw rates in a table.")
]
BaseWidth = Annotated[
    int | None,
    typer.Option("--base-width", metavar="N", min=1, help="Base width; default: the smallest."),
]
Params = Annotated[
    float | None,
    typer.Option("--params", metavar="N", min=1, help="Parameters of the target, in tables."),
]
Confidence = Annotated[
    float,
    typer.Option("--confidence", metavar="P", help="Confidence level of all intervals."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 instead of 1 or 3.")]
Device = Annotated[
    str, typer.Option("--device", metavar="NAME", help="Device: auto, cpu, cuda, cuda:N or mps.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="First seed.")]
Threads = Annotated[int, typer.Option("--threads", metavar="N", min=1, help="Threads per worker.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="PATH", help="File to write.")
]
Width = Annotated[int | None, typer.Option("--width", metavar="N", min=1, help="Target's width.")]
Depth = Annotated[int | None, typer.Option("--depth", metavar="N", min=1, help="Target's depth.")]
Batch = Annotated[
    int | None, typer.Option("--batch", metavar="N", min=1, help="Target's examples per step.")
]
Steps = Annotated[int | None, typer.Option("--steps", metavar="N", min=1, help="Target's steps.")]
Tokens = Annotated[
    float | None,
    typer.Option("--tokens", metavar="N", min=1, help="Tokens of the target, instead of --steps."),
]
