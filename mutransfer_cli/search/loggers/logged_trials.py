"""Logs trials to trackers while a sweep runs, each once, also over several calls of the sweep."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mutransfer_cli.catalog.loggers import LoggerEntry
from mutransfer_cli.search.loggers.trial_log import TrialLog, TrialLogger
from mutransfer_cli.search.record import Record

log = logging.getLogger(__name__)

LOGGED = ".logged"  # in the run directory: `.logged.NAME` lists what a tracker has


@dataclass(slots=True)
class Ledger:
    """The file that lists which trials a tracker has; several sweeps may share it.

    Attributes:
        path: The file: an id and an outcome per line.
        lines: Those that have been read.
        read: Characters that have been read.
    """

    path: Path
    lines: set[str] = field(default_factory=set)
    read: int = 0

    def log(self, trials: Iterable[TrialLog], logger: TrialLogger) -> None:
        """Log those that the tracker does not have, while no other process does."""
        with self.path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(self.read)
            self.lines |= set(file.read().splitlines())
            for trial in trials:
                line = f"{trial.id} {trial.outcome}"
                if line not in self.lines:
                    logger.log(trial)
                    file.write(line + "\n")
                    file.flush()
                    self.lines.add(line)
            self.read = file.tell()


@dataclass(slots=True)
class LoggedTrials:
    """The trackers of a sweep, and which trials each of them has.

    A tracker that fails is left out from then on: a sweep does not end for its log. The next call
    of the sweep with `--log` logs what is missing.

    Attributes:
        run: The run directory.
        on_note: Called with a remark about a tracker that fails.
        loggers: By name, the trackers that work, and the list of what each has.
    """

    run: Path
    on_note: Callable[[str], None]
    loggers: dict[str, tuple[TrialLogger, Ledger]] = field(default_factory=dict)

    def open(self, entries: Iterable[LoggerEntry], study: str) -> None:
        """Open the trackers.

        Raises:
            InputError: One cannot be opened.
        """
        for entry in entries:
            ledger = Ledger(self.run / f"{LOGGED}.{entry.name}")
            self.loggers[entry.name] = entry.load()(self.run, study), ledger

    def add(self, records: Iterable[Record]) -> None:
        """Log the trials that a tracker does not have, or has with another outcome."""
        trials = [TrialLog.of(record) for record in records] if self.loggers else []
        for name, (logger, ledger) in tuple(self.loggers.items()):
            try:
                ledger.log(trials, logger)
            except Exception as error:  # a tracker's own, of whatever kind
                log.debug("tracker %s", name, exc_info=True)
                self._leave_out(name, error)

    def close(self) -> None:
        """Close the trackers."""
        for name, (logger, _) in tuple(self.loggers.items()):
            try:
                logger.close()
            except Exception as error:  # a tracker's own, of whatever kind
                self._leave_out(name, error)
        self.loggers.clear()

    def _leave_out(self, name: str, error: Exception) -> None:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        self.on_note(
            f"--log {name} failed: {reason}; the sweep goes on without it, and the same command "
            "logs what is missing"
        )
        del self.loggers[name]
