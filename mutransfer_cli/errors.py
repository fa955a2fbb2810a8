"""What can go wrong by the user's doing; each carries the one line that the user reads."""

from __future__ import annotations


class InputError(Exception):
    """The input is wrong: what, where, and what would be right, in one line (exit code 2)."""


class Inconclusive(Exception):
    """No answer can be given; the message says what to change (exit code 3)."""


class Interrupted(Exception):
    """Stopped by the user; what was finished is kept (exit code 130)."""
