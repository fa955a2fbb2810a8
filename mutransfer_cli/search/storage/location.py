"""Where a study lies, as the option says it, the run remembers it, and a message shows it."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.storage.run_directory import ENVIRONMENT, RECIPE, read_environment

DATABASE, OPTION = "study.db", "--storage"
EXPECTED = "expected journal:PATH, sqlite:///PATH or postgresql://user@host/database"
SECRETS = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study lies; a shared one may be worked on by several processes at a time."""

    kind: Literal["sqlite", "journal", "postgresql"]
    address: str  # the absolute path of a file, or a URL with its password
    shared: bool
    typed: str = field(default="", compare=False)  # by the user; empty where it was remembered

    @property
    def shown(self) -> str:
        """For people, as they wrote it: never with a password."""
        if not self.shared:
            return self.address
        return masked(self.typed or self.named)

    @property
    def named(self) -> str:
        """Scheme and address, the same however it was written; without the password."""
        if self.kind == "postgresql":
            return without_password(self.address)
        return f"{'journal:' if self.kind == 'journal' else 'sqlite:///'}{self.address}"

    def remembered(self, run: Path) -> str:
        """As `place_of` reads it; a file inside the run is relative, so that a run can be moved."""
        if self.kind == "postgresql":
            return self.named
        path = Path(self.address)
        inside = path.is_relative_to(run.resolve())
        text = str(path.relative_to(run.resolve())) if inside else str(path)
        return f"journal:{text}" if self.kind == "journal" else f"sqlite:///{text}"


def own(run: Path) -> Place:
    """The run directory's own database, for one sweep at a time."""
    return Place("sqlite", str((run / DATABASE).resolve()), shared=False)


def place_of(text: str, folder: Path, where: str = OPTION) -> Place:
    """Read `--storage`; a relative path starts at the folder.

    Raises InputError for another scheme, or a database whose driver is missing.
    """
    typed = text if where == OPTION else ""
    if text.startswith("journal:"):
        path = text.removeprefix("journal:").removeprefix("//")
        if path:
            return Place("journal", str((folder / path).resolve()), True, typed)
    elif text.startswith("sqlite:///"):
        path = text.removeprefix("sqlite:///")
        if path:
            return Place("sqlite", str((folder / path).resolve()), True, typed)
    elif text.startswith(("postgresql://", "postgresql+psycopg2://")):
        if importlib.util.find_spec("psycopg2") is None:
            raise InputError(
                f"{where}: PostgreSQL needs psycopg2: pip install 'mutransfer[postgres]'"
            )
        return Place("postgresql", text, True, typed)
    raise InputError(f"{where} {masked(text)}: {EXPECTED}")


def without_password(url: str) -> str:
    """A URL without its secrets; what is no URL as it is."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        return masked(url)
    return read._replace(password=None).difference_update_query(SECRETS).render_as_string()


def masked(text: str) -> str:
    """As it was written, with *** for its secrets."""
    text = re.sub(r"(://[^/?@:]*:).*@", r"\1***@", text)
    return re.sub(rf"\b({'|'.join(SECRETS)})=[^&]*", r"\1=***", text)


def remembered(run: Path) -> Place:
    """Where a run's study lies: in the run directory, unless its environment says otherwise."""
    text = read_environment(run).get("storage")
    return place_of(text, run, f"{run / ENVIRONMENT}: storage") if text else own(run)


def chosen(run: Path, storage: str | None) -> Place:
    """Where the study lies: as the option says, else as the run remembers."""
    before = remembered(run)
    if storage is None:
        has_folder(before, run)
        return before
    asked = place_of(storage, Path.cwd())
    if (run / RECIPE).is_file() and before.named != asked.named:
        raise InputError(
            f"--storage {asked.shown}: the study of {run} lies in {before.shown}; take another "
            "--run, or leave --storage out"
        )
    has_folder(asked, run)
    return asked


def has_folder(place: Place, run: Path) -> None:
    """Raises InputError where the file's folder is missing; the run directory is made by a sweep.

    A folder that was made by us would hide a mistyped path, or a file system that is not mounted.
    """
    folder = Path(place.address).parent
    if place.kind == "postgresql" or folder in (run.resolve(), *run.resolve().parents):
        return
    if not folder.is_dir():
        where = OPTION if place.typed else f"{run / ENVIRONMENT}: storage"
        what = "is no folder" if folder.exists() else "does not exist"
        raise InputError(
            f"{where} {place.shown}: {folder} {what}; make it first, or name a file in a folder "
            "that is there"
        )


def missing_file(place: Place) -> bool:
    """Whether there is no study yet, as far as a look at the file tells."""
    return place.kind != "postgresql" and not os.path.isfile(place.address)
