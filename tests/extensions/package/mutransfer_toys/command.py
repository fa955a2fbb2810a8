"""A command."""

from __future__ import annotations

from typing import Annotated

import typer


def hello(name: Annotated[str, typer.Argument(help="Whom to greet.")] = "world") -> None:
    """Say hello."""
    print(f"hello, {name}")
