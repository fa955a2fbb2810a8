"""The code that runs inside Ray workers: training of groups, and measurements."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from mutransfer_cli.logs import configure_from_environment
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.search.executors.group_training import train_jobs
from mutransfer_cli.search.grouping.members import Group
from mutransfer_cli.train.machine.imports import import_what_optimizers_import
from mutransfer_cli.train.machine.threads import limit_threads
from mutransfer_cli.train.trial_result import Result

T = TypeVar("T")
Part: TypeAlias = tuple[int, Result]  # index in the group


def set_up(threads: int, folder: str) -> None:
    """Set up a worker like one on the driver's machine.

    Args:
        threads: Torch threads.
        folder: Where the user's own modules are imported from.
    """
    configure_from_environment()
    limit_threads(threads)
    import_what_optimizers_import()
    if os.path.isdir(folder) and folder not in sys.path:
        sys.path.insert(0, folder)


def train_parts(
    proxies: ProxyFactory,
    group: Group,
    device: str,
    threads: int,
    folder: str,
    checkpoints: Path | None,
) -> Iterator[Part | None]:
    """Train a group; yields None when it starts, then each trial's index and result.

    Args:
        proxies: Builds the models.
        group: Jobs of one rung.
        device: Where they train.
        threads: Torch threads.
        folder: Where the user's own modules are imported from.
        checkpoints: A folder of the driver's file system, not used if it is not mounted here.
    """
    set_up(threads, folder)
    yield None
    if checkpoints is not None and not checkpoints.parents[1].is_dir():
        checkpoints = None  # this machine does not mount the driver's file system
    yield from train_jobs(proxies, group, device, checkpoints)


def train_all_parts(*task: Any) -> list[Part]:
    """All parts as one list; takes the arguments of `train_parts`."""
    return [part for part in train_parts(*task) if part is not None]


def measure_remotely(
    function: Callable[..., T], arguments: tuple[Any, Any], threads: int, folder: str
) -> T:
    """Call a function that measures.

    Args:
        function: The function.
        arguments: Its positional and its named arguments.
        threads: Torch threads.
        folder: Where the user's own modules are imported from.
    """
    set_up(threads, folder)
    positional, named = arguments
    return function(*positional, **named)
