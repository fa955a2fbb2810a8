"""Opens Optuna's storage (SQLite, journal file or PostgreSQL), with retries and clear errors."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.signals import defer_signals
from mutransfer_cli.search.storage.location import StorageLocation
from mutransfer_cli.search.storage.locks import gone

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

T = TypeVar("T")
OUTAGE_LIMIT = 120.0  # seconds for which a database server may be unreachable
ABSENCE_LIMIT = 15.0  # seconds for which nothing may answer at the address when a sweep starts
START_PAUSE = 1.0  # seconds between two tries while a server is starting
STARTING = ("starting up", "shutting down", "in recovery mode", "not yet accepting connections")
ABSENT = ("Connection refused", "Is the server running")  # of libpq, before the server listens
DAMAGED_FILE = ("not a database", "malformed", "file is encrypted")  # of SQLite
RACE_PAUSE = 0.3  # seconds to wait while another process creates the tables
RACE_RETRIES = 5  # tries when several processes create the same tables
# What Optuna raises, beside its own errors, when what it reads was not written by it.
DAMAGED = (
    LookupError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError,
    RuntimeError,
)  # fmt: skip
STUDY_INDEX = "CREATE UNIQUE INDEX IF NOT EXISTS ix_studies_study_name ON studies (study_name)"
MOVED_FILE = "readonly database"  # what SQLite says of a file that is no longer where it was
FILE_REMEDY = "free the disk, or repair or delete the file"


def complete_tables(storage: optuna.storages.RDBStorage) -> None:
    """Create the index of a SQLite file whose first process was killed after making the table.

    Without it the file would take a second study of the same name, and then be read no more.

    Args:
        storage: The opened file, in which a kill can leave tables without their indices.
    """
    from sqlalchemy import text

    with storage.engine.begin() as connection:
        connection.execute(text(STUDY_INDEX))


class Storage:
    """Optuna's storage at a location, with retries while a database server is unreachable."""

    def __init__(self, location: StorageLocation) -> None:
        self.location = location
        self.optuna = self._open()

    def _open(self) -> optuna.storages.BaseStorage:
        import optuna
        from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

        location = self.location
        if location.kind == "journal":
            from mutransfer_cli.search.storage.journal import Journal

            return optuna.storages.JournalStorage(Journal(location.address, location.shown))
        races, began = 0, time.monotonic()
        while True:
            try:
                with self.guard():
                    url, options = engine_of(location)
                    opened = optuna.storages.RDBStorage(url, engine_kwargs=options)
                    if location.kind == "sqlite":
                        complete_tables(opened)
                    return opened
            except (IntegrityError, ProgrammingError, OperationalError) as error:
                if time.monotonic() - began < start_limit(error):
                    log.info("%s is starting, next try in %.1f s", location.shown, START_PAUSE)
                    time.sleep(START_PAUSE)
                    continue
                raced = isinstance(error, IntegrityError | ProgrammingError) or "exists" in str(
                    error
                )
                races += 1
                if not raced or races > RACE_RETRIES:
                    raise
                time.sleep(RACE_PAUSE)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Make a read and the write that follows it atomic.

        This is needed for a shared SQLite file: its driver begins a transaction only at the write.
        """
        if self.location.kind != "sqlite" or not self.location.shared:
            yield
            return
        with open(f"{self.location.address}.lock", "a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def retry(self, call: Callable[[], T]) -> T:
        """Call, and repeat the call while the server is unreachable, for up to OUTAGE_LIMIT."""
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        until = time.monotonic() + OUTAGE_LIMIT
        wait = 0.1
        while True:
            try:
                with defer_signals():
                    return call()
            except (SQLAlchemyError, StorageInternalError) as error:
                if not self.is_outage(error) or time.monotonic() > until:
                    raise
                reason = str(error).splitlines()[0]
                log.info(
                    "%s is unreachable, next try in %.1f s: %s", self.location.shown, wait, reason
                )
            time.sleep(wait)
            wait = min(2 * wait, 2.0)

    def is_outage(self, error: BaseException) -> bool:
        """Whether an error says that the server is unreachable, which may be temporary."""
        from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

        if self.location.kind != "postgresql":
            return False
        cause: BaseException | None = error
        while cause is not None:
            # PendingRollbackError: a connection lost inside a transaction was used again
            if isinstance(cause, OperationalError | InterfaceError | PendingRollbackError):
                return True
            cause = cause.__cause__
        return False


def engine_of(location: StorageLocation) -> tuple[str, dict[str, Any]]:
    """The URL of a database and the options of SQLAlchemy's engine."""
    if location.kind == "sqlite":
        return f"sqlite:///{location.address}", {"connect_args": {"timeout": 60}}
    _, _, rest = location.address.partition("://")
    return f"postgresql+psycopg2://{rest}", {  # SQLAlchemy's default has changed
        "pool_pre_ping": True,
        "connect_args": {"connect_timeout": 10, "keepalives_idle": 30},
    }


def start_limit(error: BaseException) -> float:
    """Seconds to wait for a server to start that fails like this; 0: waiting does not help.

    A server that answers that it does not take connections yet is there; where nothing answers, the
    address may be wrong.
    """
    if any(text in str(error) for text in STARTING):
        return OUTAGE_LIMIT
    return ABSENCE_LIMIT if any(text in str(error) for text in ABSENT) else 0.0


@contextmanager
def storage_errors(location: StorageLocation) -> Iterator[None]:
    """Turn errors of the storage into an InputError of one line.

    Raises:
        InputError: The storage failed.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    remedy = {
        "sqlite": FILE_REMEDY,
        "journal": FILE_REMEDY,
        "postgresql": "check that the server runs and accepts your login (PGPASSWORD or ~/.pgpass)",
    }[location.kind]
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", cause) or cause).splitlines()[0]
        if location.kind == "sqlite" and any(text in reason for text in DAMAGED_FILE):
            raise InputError(
                f"{location.shown}: the study is damaged: {reason}; restore the file from a copy, "
                "or save what is left with `sqlite3 FILE .recover`; to train every trial again, "
                "delete it and run the same command again"
            ) from error
        if (
            location.kind == "sqlite"
            and MOVED_FILE in reason
            and not Path(location.address).exists()
        ):
            raise gone(Path(location.address).parent) from error
        raise InputError(
            f"{location.shown}: the study cannot be read or written: {reason}; what was "
            f"finished is kept: {remedy}, and run the same command again"
        ) from error
    except OSError as error:
        if location.kind == "postgresql":
            raise
        raise InputError(
            f"{location.shown}: the study cannot be read or written: {error.strerror}; what was "
            f"finished is kept: {remedy}, and run the same command again"
        ) from error
    except RuntimeError as error:
        if isinstance(error, RecursionError):
            raise InputError(
                f"{location.shown}: the study is damaged: nested too deeply"
            ) from error
        if "storage" not in str(error) and "version" not in str(error):
            raise
        raise InputError(f"{location.shown}: {str(error).splitlines()[0]}") from error
    except DAMAGED as error:
        if not _raised_elsewhere(error):
            raise
        raise InputError(
            f"{location.shown}: the study is damaged: {type(error).__name__}: {error}; repair or "
            "delete it"
        ) from error


def _raised_elsewhere(error: BaseException) -> bool:
    """Whether an error comes from Optuna or below it, and not from this package."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__"))
    return not module.startswith("mutransfer_cli")
