"""Watches the files that trials depend on while a sweep is running."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.provenance.inputs import Inputs
from mutransfer_cli.search.provenance.source_files import Files

log = logging.getLogger(__name__)

BLOCK = 1 << 22  # bytes read at a time
DIGEST_LENGTH = 16
UNREADABLE = "unreadable"

Status = tuple[int, ...]


def digest_of(path: Path) -> str:
    """Digest of a whole file."""
    hashed = sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                hashed.update(block)
    except OSError:
        return UNREADABLE
    return hashed.hexdigest()[:DIGEST_LENGTH]


def status_of(path: Path) -> Status:
    """Values of which one changes whenever a file is written or replaced; empty without a file."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


@dataclass(slots=True)
class Watch:
    """The digests of the files of a sweep, and whether the files have changed since.

    Attributes:
        inputs: The files.
        digests: Their digests when the sweep started, by name.
        reads_code_again: Whether processes that start later read the code again.
    """

    inputs: Inputs
    digests: dict[str, str] = field(default_factory=dict)
    reads_code_again: bool = True
    _status: dict[str, Status] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, path in self.inputs.files.items():
            self._status[name] = status_of(path)  # before the digest, so that no change is missed
            self.digests[name] = digest_of(path)

    def changed(self, files: Files) -> list[str]:
        """Names of the files whose content is no longer that of the start."""
        changed = []
        for name, path in files.items():
            status = status_of(path)
            if status == self._status[name]:
                continue
            if digest_of(path) != self.digests[name]:
                changed.append(name)
            else:
                self._status[name] = status
        return changed

    def require_unchanged(self) -> None:
        """Check the files that trials still read.

        Raises:
            InputError: One has changed since the sweep started.
        """
        files = self.inputs.files if self.reads_code_again else self.inputs.data
        changed = self.changed(files)
        if changed:
            raise InputError(
                f"{', '.join(changed)}: changed while the sweep was running; trials under way are "
                "not stored, what was finished before is kept: restore the file and run the same "
                "command again, or go on with --accept-changes"
            )

    def note(self) -> str | None:
        """A remark on code that changed without effect on the trials of this sweep."""
        changed = self.changed(self.inputs.code)
        if not changed:
            return None
        return (
            f"{', '.join(changed)}: changed while the sweep was running; its trials were trained "
            "with the code as it was at the start"
        )
