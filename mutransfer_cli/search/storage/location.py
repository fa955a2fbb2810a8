"""Location of a study: parses --storage, formats it for the run, hides passwords in messages."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mutransfer_cli.errors import InputError
from mutransfer_cli.redaction import LOGIN, is_secret, is_secret_parameter, plain_user, redact

DATABASE, OPTION = "study.db", "--storage"
EXPECTED = "expected journal:PATH, sqlite:///PATH or postgresql://user@host/database"


@dataclass(frozen=True, slots=True)
class StorageLocation:
    """Where a study is stored.

    Attributes:
        kind: The kind of storage.
        address: The absolute path of a file, or a URL with its password.
        shared: Whether several sweeps may work on the study at a time.
        typed: The option as the user wrote it; empty where the location was read from a run.
    """

    kind: Literal["sqlite", "journal", "postgresql"]
    address: str
    shared: bool
    typed: str = field(default="", compare=False)

    @property
    def shown(self) -> str:
        """The location for messages: as the user wrote it, without the password."""
        if not self.shared:
            return self.address
        return redact(self.typed or self.named)

    @property
    def named(self) -> str:
        """Scheme and address in one normal form, without the password."""
        if self.kind == "postgresql":
            return without_password(self.address)
        return f"{'journal:' if self.kind == 'journal' else 'sqlite:///'}{self.address}"

    def stored_in(self, run: Path) -> str:
        """The text that the run's environment stores.

        A path inside the run is relative, so that the directory can be moved.
        """
        if self.kind == "postgresql":
            return self.named
        path = Path(self.address)
        inside = path.is_relative_to(run.resolve())
        text = str(path.relative_to(run.resolve())) if inside else str(path)
        return f"journal:{text}" if self.kind == "journal" else f"sqlite:///{text}"


def own_location(run: Path) -> StorageLocation:
    """The run directory's own database, for one sweep at a time."""
    return StorageLocation("sqlite", str((run / DATABASE).resolve()), shared=False)


def parse_location(text: str, folder: Path, where: str = OPTION) -> StorageLocation:
    """Parse `--storage`, or the text that a run has stored.

    Args:
        text: One of journal:PATH, sqlite:///PATH, postgresql://user@host/database.
        folder: Relative paths start here.
        where: The option or file that error messages name.

    Raises:
        InputError: Another scheme, or a database whose driver is not installed.
    """
    text = text.strip()
    typed = text if where == OPTION else ""
    if text.startswith("journal:"):
        scheme = "journal://" if text.startswith("journal://") else "journal:"
        path = _file(text, scheme, folder, where)
        if path is not None:
            return StorageLocation("journal", str(path), True, typed)
    elif text.startswith("sqlite:///"):
        path = _file(text, "sqlite:///", folder, where)
        if path is not None:
            return StorageLocation("sqlite", str(path), True, typed)
    elif text.startswith(("postgresql://", "postgresql+psycopg2://")):
        if importlib.util.find_spec("psycopg2") is None:
            raise InputError(
                f"{where}: PostgreSQL needs psycopg2: pip install 'mutransfer[postgres]'"
            )
        _require_url(text, where)
        return StorageLocation("postgresql", text, True, typed)
    raise InputError(f"{where} {redact(text)}: {EXPECTED}")


def _file(text: str, scheme: str, folder: Path, where: str) -> Path | None:
    """The file behind a scheme; None if nothing follows it.

    Raises:
        InputError: A login instead of a path: it would be stored with the run.
    """
    path = text.removeprefix(scheme)
    if LOGIN.match(path):
        raise InputError(f"{where} {redact(text)}: takes a path, which has no password")
    try:
        return (folder / path).resolve() if path.strip("/") else None
    except (OSError, ValueError) as error:
        raise InputError(f"{where} {redact(text)}: not a path: {error}") from None


def _require_url(text: str, where: str) -> None:
    """Check that a URL can be taken apart, such as that its port is a number.

    Raises:
        InputError: It cannot.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(text)
    except (ArgumentError, ValueError):
        raise InputError(f"{where} {redact(text)}: not a URL; {EXPECTED}") from None


def without_password(url: str) -> str:
    """A URL without its secrets; in text that is not a URL they are masked."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return redact(url)
    # after a `;`, which libpq takes for a part of the value, secrets stand in a value
    secrets = [
        name
        for name, value in parsed.query.items()
        if is_secret_parameter(name) or is_secret(f"{name} {value}")
    ]
    user = plain_user(parsed.username) if parsed.username else parsed.username
    parsed = parsed._replace(username=user, password=None)
    return redact(parsed.difference_update_query(secrets).render_as_string())


def is_missing(location: StorageLocation) -> bool:
    """Whether the file of the study does not exist; False for a server, which is not queried."""
    return location.kind != "postgresql" and not os.path.isfile(location.address)
