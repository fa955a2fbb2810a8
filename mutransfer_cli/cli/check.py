"""`mutransfer check`: is the parameterization implemented correctly?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.cli.arguments.shared_options import ExitZero, Json, Seed, Sets, Threads
from mutransfer_cli.cli.supervision import supervised
from mutransfer_cli.cli.terminal.output import show_line
from mutransfer_cli.cli.terminal.standard_output import report_stream
from mutransfer_cli.errors import InputError, suggestion

if TYPE_CHECKING:
    from mutransfer_cli.documents.check import CheckDocument

AXIS_NAMES = tuple(row.name for row in AXES if row.checked)
EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}


def parse_sizes(text: str | None, option: str) -> list[int] | None:
    """Parse a list of sizes such as `64,128,256`; None if the option was not given."""
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise InputError(f"{option} {text}: expected positive integers such as 64,128,256")
    return numbers


def check(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A recipe, or package.module:callable.")
    ],
    widths: Annotated[
        str | None,
        typer.Option(
            "--widths", metavar="LIST", help="Widths, such as 64,128,256; at least three."
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option("--seeds", metavar="N", min=2, help="Seeds; more are added while undecided."),
    ] = 3,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, help="Steps per seed and size.")
    ] = 3,
    axis: Annotated[
        str, typer.Option("--axis", metavar="NAME", help=f"What grows: {', '.join(AXIS_NAMES)}.")
    ] = "width",
    depths: Annotated[
        str | None,
        typer.Option("--depths", metavar="LIST", help="Depths for --axis depth, such as 2,4,8,16."),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option("--sizes", metavar="LIST", help="Sizes for any other --axis, such as 4,8,16."),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect",
            metavar="NAME",
            help="Parameterization to compare the model with; default: the recipe's, else mup.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as failures.")] = False,
    static: Annotated[
        bool,
        typer.Option(
            "--static", help="Only audit the optimizer's parameter groups, without training."
        ),
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="PATH", help="Baseline file of accepted findings."),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(
            "--write-baseline", metavar="PATH", help="Write the current findings as the baseline."
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="PATH", help="Write the verdicts as JUnit XML."),
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Print GitHub workflow annotations.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="PATH", help="Plot the measured curves against the size (PNG)."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="A line for every tensor, also of alike layers.")
    ] = False,
    exit_zero: ExitZero = False,
    sets: Sets = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="Device: cpu, or auto (the same).")
    ] = "cpu",
    seed: Seed = 0,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Measure coordinate statistics over widths and give a verdict.

    Example: mutransfer check recipe.yaml, or mutransfer check my_package.model:build
    """
    if axis not in AXIS_NAMES:
        hint = suggestion(axis, AXIS_NAMES)
        raise InputError(f"--axis {axis}: expected {' or '.join(AXIS_NAMES)}{hint}")
    all_widths = parse_sizes(widths, "--widths")
    recipe = None
    if ":" not in target or target.endswith((".yaml", ".yml")):
        from mutransfer_cli.recipe.load import load

        recipe = load(Path(target), sets or ()).recipe  # report its errors before torch is imported
    options: dict[str, Any] = {
        "sets": sets or (),
        "widths": all_widths,
        "sizes": parse_sizes(sizes, "--sizes"),
        "seeds": seeds,
        "steps": steps,
        "expect": expect,
        "strict": strict,
        "device": device,
        "seed": seed,
        "threads": threads,
        "axis": axis,
        "depths": parse_sizes(depths, "--depths"),
        "static": static,
    }

    def measure() -> int:
        from mutransfer_cli.coordcheck.entry import check_target

        document = check_target(recipe or target, **options).document
        document = with_baseline(document, baseline, write_baseline, strict)
        publish(document, junit, plot, github, as_json, every)
        return 0 if exit_zero else EXIT_CODES[document.verdict]

    runs_user_code = recipe is None or ":" in recipe.model.build
    code = supervised(target, measure) if runs_user_code else measure()
    if code:
        raise typer.Exit(code)


def with_baseline(
    document: CheckDocument, baseline: Path | None, write_to: Path | None, strict: bool
) -> CheckDocument:
    """Write the baseline if asked to, and accept the findings of the one that is given.

    Args:
        document: The document of the check.
        baseline: File of accepted findings.
        write_to: File for the current findings.
        strict: Whether warnings fail the check.
    """
    from mutransfer_cli.coordcheck.report.baseline import accept, read_baseline
    from mutransfer_cli.coordcheck.report.baseline import write_baseline as write

    if write_to is not None:
        count = write(document, write_to)
        show_line(f"wrote {write_to}: {count} findings accepted", file=sys.stderr)
        baseline = baseline or write_to
    return document if baseline is None else accept(document, read_baseline(baseline), strict)


def publish(
    document: CheckDocument,
    junit: Path | None,
    plot: Path | None,
    github: bool,
    as_json: bool,
    every: bool,
) -> None:
    """Print the document, and write it in the other forms that were asked for.

    Args:
        document: The document of the check.
        junit: File for JUnit XML.
        plot: File for the plot.
        github: Whether to print annotations for GitHub.
        as_json: Whether to print JSON instead of tables.
        every: Whether tensors that differ in the index of their layer have their own lines.
    """
    from mutransfer_cli.cli.terminal.output import print_json

    if junit is not None:
        from mutransfer_cli.coordcheck.report.junit import write_junit

        write_junit(document, junit)
    if plot is not None:
        from mutransfer_cli.report.coordcheck_plot import plot as draw

        draw(document, plot)
    if github:
        from mutransfer_cli.coordcheck.report.github import workflow_lines, write_summary

        write_summary(document)
        stream = sys.stderr if as_json else report_stream()
        print("\n".join(workflow_lines(document)), file=stream)
    if as_json:
        print_json(document)
    else:
        from mutransfer_cli.cli.printed.check_findings import show

        show(document, every)
