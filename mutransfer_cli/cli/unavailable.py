"""Commands that are planned but not in this version: each is refused in one line."""

from __future__ import annotations

from mutransfer_cli.errors import InputError


def _refused(name: str, alternative: str) -> InputError:
    return InputError(f"{name}: not available in this version; {alternative}")


def report() -> None:
    """Not available in this version."""
    raise _refused("report", "`mutransfer summary RUN` prints the run in a few lines")
