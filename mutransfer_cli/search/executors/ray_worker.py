"""What runs inside Ray workers: groups of trials, and measurements."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.search.executors.local import train_jobs
from mutransfer_cli.search.grouping.engine import Group
from mutransfer_cli.train.threads import limit_threads
from mutransfer_cli.train.trial import Result

T = TypeVar("T")
Part = tuple[int, Result]


def settle(threads: int, folder: str) -> None:
    """As a worker of the driver's machine, and the user's own modules at hand."""
    limit_threads(threads)
    if os.path.isdir(folder) and folder not in sys.path:
        sys.path.insert(0, folder)


def train_parts(
    recipe: str,
    group: Group,
    device: str,
    threads: int,
    folder: str,
    checkpoints: Path | None,
) -> Iterator[Part | None]:
    """The trials of a group, with the numbers of a local worker; None: it begins to run."""
    yield None
    settle(threads, folder)
    if checkpoints is not None and not checkpoints.parent.is_dir():
        checkpoints = None  # a machine without the driver's file system
    yield from train_jobs(loads(recipe, "recipe.yaml").recipe, group, device, checkpoints)


def train_whole(*task: Any) -> list[Part]:
    """The same in one answer."""
    return [part for part in train_parts(*task) if part is not None]


def run_here(function: Callable[..., T], arguments: Any, threads: int, folder: str) -> T:
    """A measurement."""
    settle(threads, folder)
    positional, named = arguments
    return function(*positional, **named)
