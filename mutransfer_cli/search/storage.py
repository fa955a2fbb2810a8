"""Where a study lies: SQLite, a journal on a shared file system, or PostgreSQL."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.run import ENVIRONMENT, RECIPE, read_environment
from mutransfer_cli.search.stop import shielded

if TYPE_CHECKING:
    import optuna

T = TypeVar("T")
DATABASE = "study.db"
PATIENCE = 120.0  # seconds that a database server may be away
RACES = 5  # of several processes that create the same tables
EXPECTED = "expected journal:PATH, sqlite:///PATH or postgresql://user@host/database"
SECRETS = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study lies; a shared one may be worked on by several processes at a time."""

    kind: Literal["sqlite", "journal", "postgresql"]
    address: str  # the absolute path of a file, or a URL with its password
    shared: bool

    @property
    def shown(self) -> str:
        """For people: never with a password."""
        if self.kind == "postgresql":
            return without_password(self.address)
        return self.address

    def remembered(self, run: Path) -> str:
        """As `place_of` reads it; a file inside the run is relative, so that a run can be moved."""
        if self.kind == "postgresql":
            return self.shown
        path = Path(self.address)
        inside = path.is_relative_to(run.resolve())
        text = str(path.relative_to(run.resolve())) if inside else str(path)
        return f"journal:{text}" if self.kind == "journal" else f"sqlite:///{text}"


def own(run: Path) -> Place:
    """The run directory's own database, for one sweep at a time."""
    return Place("sqlite", str((run / DATABASE).resolve()), shared=False)


def place_of(text: str, folder: Path, where: str = "--storage") -> Place:
    """Read `--storage`; a relative path starts at the folder.

    Raises InputError for another scheme, or a database whose driver is missing.
    """
    if text.startswith("journal:"):
        path = text.removeprefix("journal:").removeprefix("//")
        if path:
            return Place("journal", str((folder / path).resolve()), shared=True)
    elif text.startswith("sqlite:///"):
        path = text.removeprefix("sqlite:///")
        if path:
            return Place("sqlite", str((folder / path).resolve()), shared=True)
    elif text.startswith(("postgresql://", "postgresql+psycopg2://")):
        if importlib.util.find_spec("psycopg2") is None:
            raise InputError(
                f"{where}: PostgreSQL needs psycopg2: pip install 'mutransfer[postgres]'"
            )
        return Place("postgresql", text, shared=True)
    raise InputError(f"{where} {without_password(text)}: {EXPECTED}")


def without_password(url: str) -> str:
    """A URL without its secrets; what is no URL as it is."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        return url.split("@")[-1]
    return read._replace(password=None).difference_update_query(SECRETS).render_as_string()


def remembered(run: Path) -> Place:
    """Where a run's study lies: in the run directory, unless its environment says otherwise."""
    text = read_environment(run).get("storage")
    return place_of(text, run, f"{run / ENVIRONMENT}: storage") if text else own(run)


def chosen(run: Path, storage: str | None) -> Place:
    """Where the study lies: as the option says, else as the run remembers."""
    before = remembered(run)
    if storage is None:
        return before
    asked = place_of(storage, Path.cwd())
    if (run / RECIPE).is_file() and before.shown != asked.shown:
        raise InputError(
            f"--storage {asked.shown}: the study of {run} lies in {before.shown}; take another "
            "--run, or leave --storage out"
        )
    return asked


class Storage:
    """Optuna's storage at a place, and how its faults are met."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.optuna = self._opened()

    def _opened(self) -> optuna.storages.BaseStorage:
        import optuna
        from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

        place = self.place
        if place.kind == "journal":
            from mutransfer_cli.search.journal import Journal

            return optuna.storages.JournalStorage(Journal(place.address))
        races = 0
        while True:
            try:
                with self.guard():
                    if place.kind == "sqlite":
                        return optuna.storages.RDBStorage(
                            f"sqlite:///{place.address}",
                            engine_kwargs={"connect_args": {"timeout": 60}},
                        )
                    _, _, rest = place.address.partition("://")
                    return optuna.storages.RDBStorage(
                        f"postgresql+psycopg2://{rest}",  # SQLAlchemy's default has changed
                        engine_kwargs={
                            "pool_pre_ping": True,
                            "connect_args": {"connect_timeout": 10, "keepalives_idle": 30},
                        },
                    )
            except (IntegrityError, ProgrammingError, OperationalError) as error:
                raced = isinstance(error, IntegrityError | ProgrammingError) or "exists" in str(
                    error
                )
                races += 1
                if not raced or races > RACES:
                    raise
                time.sleep(0.3)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Reading and then writing as one step: SQLite's driver does not begin with the read."""
        if self.place.kind != "sqlite" or not self.place.shared:
            yield
            return
        with open(f"{self.place.address}.lock", "a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def patiently(self, call: Callable[[], T]) -> T:
        """Call; again while the database server is away, for as long as PATIENCE."""
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        until = time.monotonic() + PATIENCE
        wait = 0.1
        while True:
            try:
                with shielded():
                    return call()
            except (SQLAlchemyError, StorageInternalError) as error:
                if not self.away(error) or time.monotonic() > until:
                    raise
            time.sleep(wait)
            wait = min(2 * wait, 2.0)

    def away(self, error: BaseException) -> bool:
        """Whether the server did not answer: it may be back in a moment."""
        from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

        if self.place.kind != "postgresql":
            return False
        cause: BaseException | None = error
        while cause is not None:
            # the last: a connection that was lost inside a transaction was used once more
            if isinstance(cause, OperationalError | InterfaceError | PendingRollbackError):
                return True
            cause = cause.__cause__
        return False


@contextmanager
def storage_errors(place: Place) -> Iterator[None]:
    """Faults of the storage as one line."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    mend = {
        "sqlite": "free the disk or mend the file",
        "journal": "free the disk or mend the file",
        "postgresql": "see that the server runs and lets you in (PGPASSWORD or ~/.pgpass)",
    }[place.kind]
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", cause) or cause).splitlines()[0]
        raise InputError(
            f"{place.shown}: the study cannot be read or written: {reason}; what was finished is "
            f"kept: {mend}, and run the same command again"
        ) from error
    except OSError as error:
        if place.kind == "postgresql":
            raise
        raise InputError(
            f"{place.shown}: the study cannot be read or written: {error.strerror}; what was "
            f"finished is kept: {mend}, and run the same command again"
        ) from error
    except RuntimeError as error:
        if "storage" not in str(error) and "version" not in str(error):
            raise
        raise InputError(f"{place.shown}: {str(error).splitlines()[0]}") from error


def missing_file(place: Place) -> bool:
    """Whether there is no study yet, as far as a look at the file tells."""
    return place.kind != "postgresql" and not os.path.isfile(place.address)
