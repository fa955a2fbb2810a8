"""Turns SIGINT (Ctrl-C) and SIGTERM (batch systems) into Interrupted, but never during a write.

An interrupt while a storage holds its own lock would leave the lock behind.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mutransfer_cli.errors import Interrupted

_deferring = 0
_pending: int | None = None


def _stop(number: int, frame: FrameType | None) -> None:
    global _pending
    if _deferring:
        _pending = number
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # while the sweep tidies up
    raise Interrupted(signal.Signals(number).name)


@contextmanager
def handle_termination() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted inside the block; has no effect in other threads."""
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
def defer_signals() -> Iterator[None]:
    """Signals received inside the block are handled on exit."""
    global _deferring, _pending
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _deferring += 1
    try:
        yield
    finally:
        _deferring -= 1
        if _pending is not None and not _deferring:
            number, _pending = _pending, None
            _stop(number, None)
