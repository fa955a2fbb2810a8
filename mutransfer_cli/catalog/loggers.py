"""Experiment trackers to which a sweep logs its trials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from mutransfer_cli.catalog.registry import Entry, Registry
from mutransfer_cli.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggerEntry(Entry):
    """A row for a tracker.

    Attributes:
        package: The package to import; None: it needs none.
        install: What `pip install` is given to get the package.
    """

    package: str | None = None
    install: str = ""


LOGGERS = Registry(
    "loggers",
    LoggerEntry,
    [
        LoggerEntry(
            name="tensorboard",
            summary="event files in RUN/tensorboard",
            implementation="mutransfer_cli.search.loggers.tensorboard:TensorBoardLogger",
            package="tensorboard",
            install="mutransfer[tensorboard]",
        ),
        LoggerEntry(
            name="wandb",
            summary="Weights & Biases; with WANDB_MODE=offline in RUN/wandb",
            implementation="mutransfer_cli.search.loggers.wandb:WandbLogger",
            package="wandb",
            install="mutransfer[wandb]",
        ),
        LoggerEntry(
            name="mlflow",
            summary="MLflow at MLFLOW_TRACKING_URI, else in RUN/mlflow.db",
            implementation="mutransfer_cli.search.loggers.mlflow:MlflowLogger",
            package="mlflow",
            install="mutransfer[mlflow]",
        ),
    ],
)


def require_loggers(names: Iterable[str]) -> tuple[LoggerEntry, ...]:
    """The trackers that `--log` names, each once.

    Args:
        names: As the user wrote them.

    Raises:
        InputError: There is no such tracker, or its package is not installed.
    """
    entries = []
    for name in dict.fromkeys(names):
        if name not in LOGGERS:
            raise InputError(f"--log: {LOGGERS.unknown(name)}")
        entry = LOGGERS[name]
        if entry.package is not None and find_spec(entry.package) is None:
            raise InputError(
                f"--log {name}: needs the package {entry.package}, which is not installed; "
                f"pip install '{entry.install}'"
            )
        entries.append(entry)
    return tuple(entries)
