"""A polite request to end (SIGTERM, as a batch system sends it) is an interrupt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mutransfer_cli.errors import Interrupted


@contextmanager
def terminations() -> Iterator[None]:
    """SIGTERM raises Interrupted, once: while the sweep tidies up, another changes nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Interrupted("SIGTERM")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
