"""Requests to end: Ctrl-C, and SIGTERM as a batch system sends it. Never in the middle of a write.

An interrupt inside a storage's own lock would leave the lock behind.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mutransfer_cli.errors import Interrupted

_shields = 0
_pending: int | None = None


def _stop(number: int, frame: FrameType | None) -> None:
    global _pending
    if _shields:
        _pending = number
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # while the sweep tidies up
    raise Interrupted(signal.Signals(number).name)


@contextmanager
def terminations() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted; in other threads than the main one nothing changes."""
    global _pending
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _pending = None
    before = {n: signal.signal(n, _stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def shielded() -> Iterator[None]:
    """What is asked for meanwhile happens afterwards."""
    global _shields, _pending
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _shields += 1
    try:
        yield
    finally:
        _shields -= 1
        if _pending is not None and not _shields:
            number, _pending = _pending, None
            _stop(number, None)
