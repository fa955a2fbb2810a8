"""A tracker of trials: a text file."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.search.loggers.trial_log import TrialLog


class LineLogger:
    """Writes the name and the end of every trial."""

    def __init__(self, run: Path, study: str) -> None:
        self.file = (run / "trials.txt").open("a")

    def log(self, trial: TrialLog) -> None:
        """Write a line."""
        self.file.write(f"{trial.name}: {trial.outcome}\n")

    def close(self) -> None:
        """Close the file."""
        self.file.close()
