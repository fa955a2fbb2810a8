"""The source files of Python's standard library, which every machine has, split by file."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from mutransfer_cli.errors import InputError

HELD_OUT = 10  # one file in this many is held out for validation


def standard_library(source: str, instead: str) -> tuple[list[Path], list[Path]]:
    """The top-level modules in sorted order: files to train on, and held-out ones.

    Args:
        source: The name of the data source that reads them.
        instead: What else a recipe can name.

    Raises:
        InputError: This Python has no sources of its standard library.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(p for p in folder.glob("*.py") if p.is_file())
    if len(files) < HELD_OUT:
        raise InputError(
            f"{source}: no modules in {folder}; use source: {instead} with a path",
            path=("data", "source"),
        )
    return [p for i, p in enumerate(files) if i % HELD_OUT], files[::HELD_OUT]
