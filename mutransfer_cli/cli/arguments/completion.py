"""What the shell completes: values of arguments and options that are names."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def beginning_with(names: Sequence[str]) -> Callable[[str], list[str]]:
    """A function that gives the shell the names that begin with what was typed."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete
