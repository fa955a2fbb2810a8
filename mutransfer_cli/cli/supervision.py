"""Runs a command that executes the user's code in a child process, whose end proves nothing.

The user's code may end the process with code 0, crash it, or keep it from ending. Only an exit
code that the command itself reported counts.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

FORWARDED = (signal.SIGINT, signal.SIGTERM)
WRONG_INPUT = 2
INTERRUPTED = 130
SECONDS_FOR_THREADS = 3.0  # that the user's threads get to end after the command


def supervised(name: str, command: Callable[[], int]) -> int:
    """Run a command in a child process, with its output and its errors as if it ran here.

    Where torch is imported already, as in tests, or where a process cannot be forked, the command
    runs here: threads do not survive a fork.

    Args:
        name: What is run, for messages.
        command: Runs and prints everything; returns the exit code.

    Returns:
        The command's exit code; 2 if the child ended before the command returned.
    """
    if not hasattr(os, "fork") or "torch" in sys.modules:
        return command()
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)  # until somebody forwards them
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        os.close(reading)
        return _reported(command, writing)
    os.close(writing)
    _leave(*_result_of(child, reading), name)
    raise AssertionError


def _reported(command: Callable[[], int], pipe: int) -> int:
    """Run the command and report how it ended, by its code or by an error that main prints."""
    try:
        code = command()
        with suppress(ValueError):  # the user's code closed it
            sys.stdout.flush()
        os.write(pipe, str(code).encode())
    except BaseException:
        os.write(pipe, b"error")
        raise
    return code


def _result_of(child: int, pipe: int) -> tuple[int, str, set[int]]:
    """Wait for the child.

    Args:
        child: Number of its process.
        pipe: Where it reports.

    Returns:
        Its exit status, negative after a signal, what it reported, and the signals sent to this
        process meanwhile.
    """
    received: set[int] = set()

    def forward(number: int, _: object) -> None:
        received.add(number)
        with suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    with os.fdopen(pipe) as file:
        os.set_blocking(pipe, False)
        reported = file.read() or ""
    return os.waitstatus_to_exitcode(status), reported, received


def _leave(status: int, reported: str, received: set[int], name: str) -> None:
    """End this process as the child's command ended.

    Args:
        status: The child's exit status.
        reported: What it reported.
        received: Signals that ended it from outside: it may also send one to itself.
        name: What was run.
    """
    if reported.isdigit():
        os._exit(int(reported))
    if reported == "error" and status > 0:
        os._exit(status)
    if reported == "error" and status == 0:
        os._exit(WRONG_INPUT)
    # Python ends itself by SIGINT where it was interrupted, by whatever signal
    if -status in received or (received and -status == signal.SIGINT):
        print("mutransfer: interrupted", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)
    if status < 0:
        ended = f"crashed with {signal.Signals(-status).name}"
    else:
        ended = f"ended the process with code {status}"
    print(f"mutransfer: error: {name}: its code {ended} before there was a verdict",
          file=sys.stderr, flush=True)  # fmt: skip
    os._exit(WRONG_INPUT)


def leave_threads(code: object) -> None:
    """End the process if a thread would keep it from ending; return where there is none.

    Python waits for every thread that is no daemon, such as one that a user's model has started.

    Args:
        code: The exit code, as `sys.exit` takes it.
    """
    end = time.monotonic() + SECONDS_FOR_THREADS
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                break
    else:
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or nobody reads it
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
