"""Cases of a test of which only a few run outside the slow tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow_except(quick: Iterable[object], cases: Iterable[Any]) -> list[Any]:
    """The cases as parameters, marked slow unless they are among the quick ones.

    Args:
        quick: Cases that always run.
        cases: All cases; a tuple is the values of several parameters.
    """
    always = list(quick)
    marked = []
    for case in cases:
        values = case if isinstance(case, tuple) else (case,)
        marks = [] if case in always else [pytest.mark.slow]
        marked.append(pytest.param(*values, marks=marks))
    return marked
