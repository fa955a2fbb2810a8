"""The questions of `mutransfer init` on a terminal; Enter takes the default of each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from mutransfer_cli.cli.terminal.output import show_line
from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from mutransfer_cli.catalog.registry import Registry
    from mutransfer_cli.recipe.starter.template_choices import Choices

Answer = TypeVar("Answer")


def on_a_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, default: str, read: Callable[[str], Answer]) -> Answer:
    """Ask until the answer can be read.

    Args:
        question: What is asked.
        default: The answer that Enter gives.
        read: Turns the text into a value; raises `InputError` or `ValueError` if it cannot.
    """
    while True:
        text = typer.prompt(question, default=default, err=True)
        try:
            return read(str(text).strip())
        except (InputError, ValueError) as error:
            show_line(f"  {error}", file=sys.stderr)


def ask_model(default: str, usable: Callable[[str], Answer]) -> tuple[str, Answer]:
    """Ask for the model.

    Args:
        default: The answer that Enter gives.
        usable: Imports or traces the model; raises `InputError` if it cannot.

    Returns:
        The model, and what `usable` says of it.
    """
    from mutransfer_cli.catalog.models import MODELS

    show_line("Enter takes the value in brackets.", file=sys.stderr)
    kinds = f"{', '.join(MODELS.names)}, hf:TYPE, hf:config.json or package.module:callable"
    show_line(f"Models: {kinds}.", file=sys.stderr)
    return ask("Model", default, lambda text: (text, usable(text)))


def ask_choices(text: str) -> Choices:
    """Ask for everything else.

    Args:
        text: The template for the model, which holds the defaults.
    """
    from mutransfer_cli.catalog.optimizers import OPTIMIZERS
    from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
    from mutransfer_cli.catalog.sources import SOURCES
    from mutransfer_cli.recipe.starter.template_choices import Choices, defaults_of

    default = defaults_of(text)
    kind = SOURCES[default.source].yields
    sources = [row.name for row in SOURCES if row.yields == kind]
    source = ask(
        f"Data ({', '.join(sources)})", default.source, lambda t: one_of(t, SOURCES, sources)
    )
    path = None
    if SOURCES[source].reads_file:
        path = ask("File", "FILE", str)
    return Choices(
        source=source,
        path=path,
        optimizer=ask(
            f"Optimizer ({', '.join(OPTIMIZERS.names)})",
            default.optimizer,
            lambda t: one_of(t, OPTIMIZERS),
        ),
        parameterization=ask(
            f"Parameterization ({', '.join(PARAMETERIZATIONS.names)})",
            default.parameterization,
            lambda t: one_of(t, PARAMETERIZATIONS),
        ),
        widths=ask("Widths of the proxies", ", ".join(map(str, default.widths)), widths_of),
        target=ask("Width of the target", str(default.target), positive),
        minutes=ask("Minutes that the sweep may take (none: no limit)", "none", minutes_of),
    )


def one_of(text: str, registry: Registry[Any], names: list[str] | None = None) -> str:
    """A name of a registry.

    Args:
        text: The answer.
        registry: The registry.
        names: Those that are offered; None: all.

    Raises:
        InputError: It has no such name, or the name is not offered.
    """
    if text not in (registry.names if names is None else names):
        raise InputError(registry.unknown(text) if text not in registry else f"not here: {text}")
    return text


def positive(text: str) -> int:
    """A size.

    Raises:
        InputError: The text is not a whole number above 0.
    """
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"expected a whole number above 0, found {text!r}")
    return int(text)


def widths_of(text: str) -> tuple[int, ...]:
    """Widths such as `32, 64, 128`.

    Raises:
        InputError: They are fewer than two, or not whole numbers above 0.
    """
    widths = tuple(sorted({positive(part.strip()) for part in text.strip("[]").split(",")}))
    if len(widths) < 2:
        raise InputError("expected at least two widths, such as 32, 64, 128")
    return widths


def minutes_of(text: str) -> float | None:
    """Minutes, or None for `none`.

    Raises:
        InputError: The text is neither.
    """
    if text.lower() in ("none", "no", ""):
        return None
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 1e6:
        raise InputError(f"expected minutes such as 30, or none, found {text!r}")
    return minutes
