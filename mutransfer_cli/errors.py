"""What a user can do wrong, as exceptions; each carries the one line that the user reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from mutransfer_cli.quoting import one_line

LONGEST_MESSAGE = 1500  # characters; values that a message quotes can have any length


class InputError(Exception):
    """The input is wrong: what, where, and what would be right, in one line (exit code 2).

    Attributes:
        message: The line, without position and key.
        path: Keys of the recipe that lead to the value at fault.
        position: Where the value was written; empty where that is not known.
    """

    def __init__(self, message: str, path: Sequence[str] = (), position: str = "") -> None:
        """Make an error.

        Args:
            message: What is wrong and what would be right, without the key.
            path: Keys of the recipe that lead to the value at fault, such as
                `("search", "space", "lr")`; empty where the fault is not in a recipe. `str()` puts
                them before the message, joined by dots.
            position: Where that value was written, such as `recipe.yaml:12:7` or `--set lr=0`;
                `str()` puts it first.
        """
        super().__init__(message)
        self.message = message
        self.path = tuple(path)
        self.position = position

    def __str__(self) -> str:
        parts = (self.position, ".".join(self.path), self.message)
        return one_line(": ".join(part for part in parts if part), LONGEST_MESSAGE)

    def __reduce__(self) -> tuple[type[InputError], tuple[str, tuple[str, ...], str]]:
        return type(self), (self.message, self.path, self.position)  # workers send errors back


class Inconclusive(Exception):
    """No answer can be given; the message says what to change (exit code 3)."""


class Interrupted(Exception):
    """Stopped by the user; what was finished is kept (exit code 130).

    Attributes:
        kept: What is kept, and what to do next.
    """

    def __init__(
        self,
        cause: str,
        kept: str = "finished trials are kept; run the same command again to resume",
    ) -> None:
        super().__init__(cause)
        self.kept = kept


def described(error: BaseException) -> str:
    """What the user's code raised, in one line."""
    if isinstance(error, SystemExit):
        code = "" if error.code is None else repr(error.code)
        return f"called sys.exit({code}), but code of yours must not end the process"
    return ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split()))))


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a message, such as `; did you mean 'lr'?`; empty if no known word is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def kind_of(value: Any) -> str:
    """The type of a value with its article, such as "an int"; None is itself."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
