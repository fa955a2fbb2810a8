"""The confidence level of every interval, and of the verdicts that rest on them."""

from __future__ import annotations

from mutransfer_cli.errors import InputError

CONFIDENCE = 0.95  # where a user asks for no other


def require_confidence(level: float) -> None:
    """Refuse a level that is none.

    Args:
        level: As given by `--confidence`.

    Raises:
        InputError: It is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"--confidence {level:g}: expected a number between 0 and 1")


def percentage(level: float) -> str:
    """A level for people, as precise as it was given: 0.995 is not 100%."""
    return f"{100 * level:.6g}%"
