"""The code that runs inside a local worker process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from mutransfer_cli.logs import configure_from_environment
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.search.executors.group_training import train_jobs
from mutransfer_cli.search.grouping.members import Group
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from mutransfer_cli.train.machine.imports import import_what_optimizers_import
from mutransfer_cli.train.machine.threads import limit_threads
from mutransfer_cli.train.trial_result import Result

PARENT_CHECK_INTERVAL = 0.5  # seconds between two checks that the driver is still alive

_proxies: ProxyFactory | None = None
_device = "cpu"
_checkpoints: Path | None = None


def start_worker(
    proxies: ProxyFactory,
    folder: str,
    devices: tuple[str, ...],
    threads: int,
    parent: int,
    checkpoints: Path | None,
    number: int = 0,
) -> None:
    """Set up a fresh process, which ends when its driver dies.

    Args:
        proxies: Builds the models; the process opens their data again.
        folder: Where the user's own modules are imported from.
        devices: Where trials train: workers take them in turn.
        threads: Torch threads of this process.
        parent: Process id of the driver.
        checkpoints: The folder of the checkpoints.
        number: The worker's number, from 0.
    """
    global _proxies, _device, _checkpoints
    signal.signal(signal.SIGTERM, stop)
    configure_from_environment()
    _checkpoints = checkpoints
    limit_threads(threads)
    import_what_optimizers_import()
    sys.path.insert(0, folder)
    _proxies, _device = ProxyFactory(proxies.recipe), devices[number % len(devices)]

    def watch_parent() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_INTERVAL)
        os._exit(1)  # the driver was killed: nobody would read the result

    threading.Thread(target=watch_parent, daemon=True).start()


def stop(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM: end the worker, after it has saved its trial if that has a checkpoint.

    Args:
        number: The signal.
        frame: Not used.
    """
    Checkpointer.stop_requested = True
    if Checkpointer.active is None:
        os._exit(0)


def run_group(group: Group) -> Iterator[tuple[int, Result]]:
    """Train a group; yields the index in the group and the result of each trial."""
    assert _proxies is not None
    return train_jobs(_proxies, group, _device, _checkpoints)
