"""Turns SIGINT (Ctrl-C) and SIGTERM (batch systems) into Interrupted, but never during a write.

An interrupt while a storage holds its own lock would leave the lock behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from mutransfer_cli.errors import Interrupted

_deferring = 0
_pending: int | None = None
_received: int | None = None  # the signal that was turned into Interrupted last
_ending: int | None = None  # the same, outside of `handle_termination`


def _stop(number: int, frame: FrameType | None) -> None:
    global _pending, _received
    if _deferring:
        _pending = number
        return
    _received = number
    ignore_signals()  # while the sweep tidies up
    raise Interrupted(signal.Signals(number).name)


@contextmanager
def handle_termination() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted inside the block; has no effect in other threads.

    Raises:
        Interrupted: A signal was received before, and what it raised was swallowed.
    """
    global _pending, _received
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if _ending is not None:
        raise Interrupted(signal.Signals(_ending).name)
    _pending = _received = None
    before = {n: signal.signal(n, _stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Interrupted:
        raise
    except Exception as error:
        if _received is not None:  # a library turned what was raised into an error of its own
            raise Interrupted(signal.Signals(_received).name) from error
        raise
    finally:
        restore(before)


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted in this process, also where `sweep` is being left.

    For a command: after Interrupted both stay ignored, so that a signal that is repeated while the
    process ends does not change its exit code. Code in which it is raised, such as an import, may
    turn it into another error, which then counts as it. A forked worker that has no handler of its
    own yet ends without a word.
    """
    global _ending
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        global _ending
        if os.getpid() != owner:
            os._exit(0)
        _ending = number
        ignore_signals()
        raise Interrupted(signal.Signals(number).name)

    before = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        ignore_signals()
        raise
    except Exception as error:
        if _ending is not None:  # code that was interrupted, such as an import, made it another one
            raise Interrupted(signal.Signals(_ending).name) from error
        restore(before)
        raise
    except BaseException:
        restore(before)
        raise
    finally:
        _ending = None
    restore(before)


def require_not_interrupted() -> None:
    """Raise Interrupted again, in case a library swallowed it or turned it into another error.

    Raises:
        Interrupted: A signal was received inside `handle_termination` or `interrupted_by_signals`.
    """
    number = _received if _ending is None else _ending
    if number is not None and threading.current_thread() is threading.main_thread():
        raise Interrupted(signal.Signals(number).name)


def ignore_signals() -> None:
    """Ignore SIGINT and SIGTERM from now on."""
    sys.unraisablehook = without_races
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def without_races(unraisable: sys.UnraisableHookArgs) -> None:
    """Print what Python could not raise, except for a signal that is ignored by now.

    It was received just before its handler was replaced by SIG_IGN.
    """
    if "ignored due to race condition" not in str(unraisable.exc_value):
        sys.__unraisablehook__(unraisable)


def restore(handlers: dict[signal.Signals, Any]) -> None:
    """Put handlers back."""
    for number, handler in handlers.items():
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
