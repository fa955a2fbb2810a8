"""Optuna's journal file, with repair of a last line that a kill or a full disk left incomplete."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from typing import IO, Any

from optuna.storages.journal import JournalFileBackend

from mutransfer_cli.errors import InputError

BLOCK = 1 << 16  # bytes read at a time


class Journal(JournalFileBackend):
    """A journal on a file system that several machines may share (NFS too).

    Optuna's own class appends to an incomplete line, after which the file can never be read again.
    Its lock is a symbolic link to the file, which is resolved from the link's folder; therefore
    the path has to be absolute.
    """

    def __init__(self, path: str, shown: str | None = None) -> None:
        """Open or create a journal.

        Args:
            path: Absolute path.
            shown: Name of the journal in messages; None: journal:PATH.

        Raises:
            InputError: The file is not an Optuna journal.
        """
        self.shown = shown or f"journal:{path}"
        super().__init__(path)
        with open(path, "rb") as file:
            first = file.readline()
        if (first.endswith(b"\n") and b'"op_code"' not in first) or first[:1] not in (b"", b"{"):
            raise InputError(f"{self.shown}: is not an Optuna journal; choose another file")

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines after the last complete one, all of them or none."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._lock.acquire()
        try:
            with open(self._file_path, "r+b", buffering=0) as file:
                end = end_of_last_line(file)
                file.truncate(end)
                file.seek(end)
                try:
                    write_all(file, text.encode("utf-8"))
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(end)
                    raise
        finally:
            self._lock.release()

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Read the lines from a number on.

        Raises:
            InputError: A line is not JSON.
        """
        try:
            yield from super().read_logs(log_number_from)
        except ValueError as error:
            raise InputError(
                f"{self.shown}: line {self.lines_read + 1} cannot be read: {error}; "
                "repair or delete it"
            ) from error

    @property
    def lines_read(self) -> int:
        """Number of lines read so far."""
        return max(self._log_number_offset)


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write all data; on a full disk one write may be partial, and only the next one fails."""
    written = 0
    while written < len(data):
        written += file.write(data[written:])


def end_of_last_line(file: IO[bytes]) -> int:
    """The offset at which the last complete line ends."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - BLOCK)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
