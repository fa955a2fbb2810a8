"""Location of a study: parses --storage, formats it for the run, hides passwords in messages."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mutransfer_cli.errors import InputError

DATABASE, OPTION = "study.db", "--storage"
EXPECTED = "expected journal:PATH, sqlite:///PATH or postgresql://user@host/database"
SECRETS = ("password", "sslpassword")


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
        return masked(self.typed or self.named)

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
    typed = text if where == OPTION else ""
    if text.startswith("journal:"):
        path = text.removeprefix("journal:").removeprefix("//")
        if path:
            return StorageLocation("journal", str((folder / path).resolve()), True, typed)
    elif text.startswith("sqlite:///"):
        path = text.removeprefix("sqlite:///")
        if path:
            return StorageLocation("sqlite", str((folder / path).resolve()), True, typed)
    elif text.startswith(("postgresql://", "postgresql+psycopg2://")):
        if importlib.util.find_spec("psycopg2") is None:
            raise InputError(
                f"{where}: PostgreSQL needs psycopg2: pip install 'mutransfer[postgres]'"
            )
        return StorageLocation("postgresql", text, True, typed)
    raise InputError(f"{where} {masked(text)}: {EXPECTED}")


def without_password(url: str) -> str:
    """A URL without its secrets; in text that is not a URL they are masked."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return masked(url)
    return parsed._replace(password=None).difference_update_query(SECRETS).render_as_string()


def masked(text: str) -> str:
    """The text with *** in place of secrets."""
    text = re.sub(r"(://[^/?@:]*:).*@", r"\1***@", text)
    return re.sub(rf"\b({'|'.join(SECRETS)})=[^&]*", r"\1=***", text)


def is_missing(location: StorageLocation) -> bool:
    """Whether the file of the study does not exist; False for a server, which is not queried."""
    return location.kind != "postgresql" and not os.path.isfile(location.address)
