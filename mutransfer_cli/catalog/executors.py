"""Executors: what runs the trials."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry
from mutransfer_cli.errors import InputError

DEFAULT_EXECUTOR = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorEntry(Entry):
    """A row for an executor.

    Attributes:
        runs_command: Whether it runs the recipe's `train.command`; it then replaces the default
            executor for recipes that have one.
        takes_address: Whether it connects to the cluster at `--ray-address`.
    """

    runs_command: bool = False
    takes_address: bool = False


EXECUTORS = Registry(
    "executors",
    ExecutorEntry,
    [
        ExecutorEntry(
            name=DEFAULT_EXECUTOR,
            summary="worker processes on this machine",
            implementation="mutransfer_cli.search.executors.local:LocalExecutor",
        ),
        ExecutorEntry(
            name="ray",
            summary="tasks on a Ray cluster",
            implementation="mutransfer_cli.search.executors.ray:RayExecutor",
            takes_address=True,
        ),
        ExecutorEntry(
            name="command",
            summary="runs of the recipe's train.command",
            implementation="mutransfer_cli.search.executors.command:CommandExecutor",
            runs_command=True,
        ),
    ],
)


def require_executor(name: str, address: str | None = None) -> ExecutorEntry:
    """The executor that `--executor` names.

    Args:
        name: As the user wrote it.
        address: The option `--ray-address`, if it was given.

    Raises:
        InputError: There is no such executor, or an address was given that it cannot use.
    """
    if name not in EXECUTORS:
        raise InputError(f"--executor: {EXECUTORS.unknown(name)}")
    entry = EXECUTORS[name]
    if address is not None and not entry.takes_address:
        names = " or ".join(e.name for e in EXECUTORS if e.takes_address)
        raise InputError(f"--ray-address: needs --executor {names}")
    return entry


def executor_for(name: str, *, has_command: bool) -> ExecutorEntry:
    """The executor that runs the trials of a recipe.

    Args:
        name: As the user wrote it.
        has_command: Whether the recipe has `train.command`, which needs an executor of its own.

    Raises:
        InputError: The executor cannot run this recipe.
    """
    entry = require_executor(name)
    if entry.runs_command and not has_command:
        raise InputError(f"--executor {name}: the recipe has no train.command")
    if not has_command or entry.runs_command:
        return entry
    if name != DEFAULT_EXECUTOR:
        raise InputError(
            f"--executor {name}: train.command starts programs itself; expected {DEFAULT_EXECUTOR}"
        )
    return next(e for e in EXECUTORS if e.runs_command)
