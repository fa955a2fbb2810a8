"""Packages that are built for one version of torch, and break models that import them beside it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires, version

COMPANIONS = ("torchvision", "torchaudio")
PIN = re.compile(r"torch *\(?==+ *([\d.]+)")  # of their metadata, such as torch==2.13.0


def mismatches() -> dict[str, str]:
    """By package, what does not match the installed torch and the command that repairs it.

    The command names the installed torch, so that it is kept. Nothing is imported.
    """
    try:
        torch = version("torch").partition("+")[0]
    except PackageNotFoundError:
        return {}
    found = {}
    for name in COMPANIONS:
        try:
            pins = [pin[1] for line in requires(name) or () if (pin := PIN.match(line))]
        except PackageNotFoundError:
            continue
        if pins and pins[0] != torch:
            found[name] = (
                f"{name} {version(name)} is built for torch {pins[0]}, found {torch}: "
                f"pip install --upgrade {name} torch=={torch}"
            )
    return found


def named_mismatch(message: str) -> str:
    """The end of an error message that names such a package; empty if there is no mismatch."""
    said = [text for name, text in mismatches().items() if name in message]
    return f"; {said[0]}" if said else ""
