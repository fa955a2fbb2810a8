"""Waiting for a condition that another process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE = 0.02  # seconds between two looks


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Look again and again until a condition holds.

    Args:
        condition: What is waited for; it holds if its result is true.
        seconds: How long to wait at most.

    Returns:
        Whether it held within the time.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE)
    return True
