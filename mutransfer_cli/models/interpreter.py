"""Keeps what Python itself needs while a user's code runs in the same process."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# All of them, before any code of a user's has run.
BUILTINS = {name: value for name, value in vars(builtins).items() if callable(value)}


@contextmanager
def interpreter_kept() -> Iterator[None]:
    """Undo what torch and we cannot work with, once the block has run.

    That is a recursion limit that is too low, entries that `sys.path` has lost, and built-in
    functions that are gone or cannot be called. Longer paths, and functions that stand in for a
    built-in one, such as a `print` that is silent in all processes but the first, stay.
    """
    limit, path = sys.getrecursionlimit(), [*sys.path]
    try:
        yield
    finally:
        now = builtins.__dict__
        now.update({n: f for n, f in BUILTINS.items() if not BUILTINS["callable"](now.get(n))})
        sys.setrecursionlimit(max(limit, sys.getrecursionlimit()))
        sys.path += [entry for entry in path if entry not in sys.path]
