"""The options that every command has, `-v` and `--debug`: added and read only here."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import typer

from mutransfer_cli.cli.terminal.standard_output import stdout_for_reports
from mutransfer_cli.logs import configure

Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        show_default=False,
        help="Log decisions to stderr; -vv logs details.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@dataclass
class Invocation:
    """The common options of the command that is running."""

    debug: bool = False


invocation = Invocation()


def with_common_options(command: Callable[..., Any], keeps_stdout: bool) -> Callable[..., Any]:
    """Add `-v` and `--debug` to a command, after its own options.

    Args:
        command: A function with typer annotations.
        keeps_stdout: Whether what is printed by others than `cli.terminal.output` goes to stderr.

    Returns:
        A function that sets up logging, remembers `--debug` for `main`, and calls the command.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, verbose: int = 0, debug: bool = False, **options: Any) -> Any:
        invocation.debug = debug
        configure(verbose)
        with stdout_for_reports() if keeps_stdout else nullcontext():
            return command(*args, **options)

    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(command).parameters.items()
    ]
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("verbose", keyword, default=0, annotation=Verbose),
        inspect.Parameter("debug", keyword, default=False, annotation=Debug),
    ]
    wrapped.__signature__ = inspect.Signature([*own, *common])  # type: ignore[attr-defined]  # typer reads it
    wrapped.__annotations__ = {**hints, "verbose": Verbose, "debug": Debug}
    return wrapped
