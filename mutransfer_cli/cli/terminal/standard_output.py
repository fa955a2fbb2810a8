"""Keeps stdout for what a command reports; all other output of the process goes to stderr.

The user's model, loss and data may print, from Python, from C and in the processes that they start.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

STDOUT, STDERR = 1, 2  # file descriptors

_reports: list[TextIO] = []  # the stream of each command that is running, the innermost last


class ReportStream(io.TextIOWrapper):
    """Drops what nobody reads any more, as after `| head`: the exit code stays that of the answer.

    Attributes:
        reader_gone: Whether the reader has closed its end.
    """

    reader_gone = False

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Write what is held back, or drop it."""
        try:
            super().flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        self.reader_gone = True
        null = os.open(os.devnull, os.O_WRONLY)  # for what the buffer still holds
        os.dup2(null, self.fileno())
        os.close(null)


def is_read() -> bool:
    """Whether somebody may still read what a command reports."""
    stream = report_stream()
    return not (isinstance(stream, ReportStream) and stream.reader_gone)


def report_stream() -> TextIO | None:
    """The stream of what a command reports: the stdout that the process was started with."""
    return _reports[-1] if _reports else sys.stdout


@contextmanager
def stdout_for_reports() -> Iterator[None]:
    """Send to stderr what is printed inside the block, save for what goes to `report_stream`.

    The file descriptor is redirected, so output of C code and of child processes is too. Where
    stdout is the process's own, the redirection lasts until the process ends: handlers at exit,
    threads and buffers of C print after the command.
    """
    if sys.stdout is None:  # closed by the caller
        yield
        return
    own = _is_own(sys.stdout)
    sys.stdout.flush()
    saved = os.dup(STDOUT)
    stream = _copy_of(sys.stdout) if own else sys.stdout
    _point_to_stderr()
    _reports.append(stream)
    try:
        with redirect_stdout(_beside_stderr() if own and sys.stderr else sys.stderr or sys.stdout):
            yield
    finally:
        _reports.pop()
        with suppress(BrokenPipeError):
            stream.close() if own else stream.flush()
        if not own:
            os.dup2(saved, STDOUT)
        os.close(saved)


def _is_own(stream: TextIO) -> bool:
    """Whether a stream writes to the file descriptor of stdout, and no test captures it."""
    try:
        return stream.fileno() == STDOUT
    except (OSError, ValueError):
        return False


def _copy_of(stream: TextIO) -> TextIO:
    """A stream to where the file descriptor of stdout leads now; it keeps no line back."""
    raw = os.fdopen(os.dup(STDOUT), "wb")
    return ReportStream(raw, stream.encoding, stream.errors, line_buffering=True)


def _beside_stderr() -> TextIO:
    """A stream to where stderr leads, which user code may close without closing stderr."""
    return os.fdopen(os.dup(STDERR), "w", 1, sys.stderr.encoding, sys.stderr.errors, closefd=False)


def _point_to_stderr() -> None:
    """Let the file descriptor of stdout lead to where that of stderr does."""
    if sys.stderr is not None:
        os.dup2(STDERR, STDOUT)
        return
    null = os.open(os.devnull, os.O_WRONLY)  # stderr is closed
    os.dup2(null, STDOUT)
    os.close(null)
