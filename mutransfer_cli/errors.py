"""What a user can do wrong, as exceptions; each carries the one line that the user reads."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """The input is wrong: what, where, and what would be right, in one line (exit code 2).

    Args:
        message: The line, without the key.
        path: Keys of the recipe that lead to the value at fault, such as
            `("search", "space", "lr")`; empty where the fault is not in a recipe. `str()` puts
            them before the message, joined by dots.
    """

    def __init__(self, message: str, path: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = tuple(path)

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.message}" if self.path else self.message

    def __reduce__(self) -> tuple[type[InputError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.message, self.path)  # workers send their errors back


class Inconclusive(Exception):
    """No answer can be given; the message says what to change (exit code 3)."""


class Interrupted(Exception):
    """Stopped by the user; what was finished is kept (exit code 130)."""
