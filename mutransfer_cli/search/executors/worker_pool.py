"""A pool of worker processes with one task each; one that dies or hangs is replaced.

A task sends any number of partial results as they are ready. (The pool of concurrent.futures
breaks when one of its processes dies, and cannot end a single process.)
"""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Literal, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
SHUTDOWN_SECONDS = 10.0  # time for a worker to save its trial when it is asked to end


@dataclass(frozen=True, slots=True)
class Message(Generic[T]):
    """News of a task: a partial result, or how it ended.

    Attributes:
        task: The task.
        kind: `part`: one of its results; `end`: it has ended; `error`: its function raised;
            `died`: its process ended; `hung`: it exceeded the time limit.
        value: The part, or the exception.
        seconds: Seconds since the task was started.
    """

    task: T
    kind: Literal["part", "end", "error", "died", "hung"]
    value: Any
    seconds: float


class Worker(Generic[T]):
    """One worker process and its current task."""

    def __init__(
        self,
        start: Callable[..., None],
        arguments: tuple[Any, ...],
        forked: bool = False,
        slot: int = 0,
    ) -> None:
        self.slot = slot
        context = multiprocessing.get_context("fork" if forked else "spawn")
        self.connection, worker_end = context.Pipe()
        self.process = context.Process(  # type: ignore[attr-defined]  # both kinds have one
            target=serve, args=(worker_end, start, arguments), daemon=True
        )
        with interrupts_ignored(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # OpenMP's threads may exist
            self.process.start()
        worker_end.close()
        self.task: T | None = None
        self.ready = False
        self.since = time.monotonic()

    def start(self, function: Callable[[T], Iterator[Any]], task: T) -> None:
        """Send a task to the worker."""
        self.task, self.since = task, time.monotonic()
        self.connection.send((function, task))

    def receive(self) -> tuple[Literal["part", "end", "error", "died"], Any] | None:
        """Receive a message about the task; None if it only says that the worker is ready."""
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            return "died", None
        if kind == "ready":
            self.ready, self.since = True, time.monotonic()
            return None
        return kind, value


class WorkerPool(Generic[T]):
    """At most `count` processes, started when they are needed."""

    def __init__(
        self,
        count: int,
        start: Callable[..., None],
        arguments: tuple[Any, ...] = (),
        forked: bool = False,
        numbered: bool = False,
    ) -> None:
        """Make a pool.

        Args:
            count: Processes at a time.
            start: Called first in each process.
            arguments: Arguments of `start`.
            forked: Fork all processes now, with everything that this process has imported, which
                takes milliseconds instead of seconds. Their replacements are started afresh.
            numbered: Give `start` one more argument: the worker's number, from 0 to `count` - 1,
                which its replacement has too.
        """
        self.count, self.start, self.arguments = count, start, arguments
        self.numbered = numbered
        self.workers: list[Worker[T]] = []
        for _ in range(count if forked else 0):
            self.workers.append(self._new_worker(forked=True))

    def _new_worker(self, forked: bool = False) -> Worker[T]:
        taken = {worker.slot for worker in self.workers}
        slot = next(i for i in range(self.count) if i not in taken)
        numbers = (slot,) if self.numbered else ()
        return Worker(self.start, (*self.arguments, *numbers), forked, slot)

    @property
    def has_free_worker(self) -> bool:
        """Whether a task can be submitted."""
        return len(self.workers) < self.count or any(w.task is None for w in self.workers)

    @property
    def is_busy(self) -> bool:
        """Whether any task is under way."""
        return any(w.task is not None for w in self.workers)

    def submit(self, function: Callable[[T], Iterator[Any]], task: T) -> int | None:
        """Start a task on a free worker.

        Args:
            function: Called by the worker with the task; yields partial results.
            task: Anything that can be pickled.

        Returns:
            The process id of the worker.
        """
        idle = next((w for w in self.workers if w.task is None), None)
        if idle is None:
            idle = self._new_worker()
            self.workers.append(idle)
        with suppress(OSError):  # it died while idle: `poll` will find its pipe closed
            idle.start(function, task)
        pid: int | None = idle.process.pid
        return pid

    def poll(self, limit: float | None = None) -> Iterator[Message[T]]:
        """Wait for messages of at least one task.

        Args:
            limit: Seconds that a task may take; None: no limit.
        """
        received = False
        while not received:
            busy = [w for w in self.workers if w.task is not None]
            deadlines = [w.since + limit for w in busy if w.ready and limit is not None]
            timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
            ready = wait([w.connection for w in busy], timeout)
            for worker in busy:
                seconds = time.monotonic() - worker.since
                message = worker.receive() if worker.connection in ready else None
                hung = limit is not None and worker.ready and seconds > limit
                if message is None and not hung:
                    continue
                task = worker.task
                assert task is not None
                kind, value = message or ("hung", None)
                if kind != "part":
                    worker.task = None
                if kind in ("died", "hung"):
                    self._discard(worker)
                received = True
                yield Message(task, kind, value, seconds)

    def _discard(self, worker: Worker[T]) -> None:
        log.debug("worker %s ended", worker.process.pid)
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()

    def close(self, patience: float = SHUTDOWN_SECONDS) -> None:
        """Ask every worker to end, and kill those that do not."""
        for worker in self.workers:
            worker.process.terminate()
        until = time.monotonic() + patience
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))
        for worker in list(self.workers):
            self._discard(worker)


def serve(connection: Connection, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Run tasks inside the worker until the driver closes the connection.

    Args:
        connection: The connection to the driver.
        start: Called first.
        arguments: Arguments of `start`.
    """
    start(*arguments)
    connection.send(("ready", None))
    while True:
        try:
            function, task = connection.recv()
        except EOFError:
            return
        try:
            for part in function(task):
                connection.send(("part", part))
            reply: tuple[str, Exception | None] = ("end", None)
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))
            reply = ("error", error)
        try:
            connection.send(reply)
        except (TypeError, AttributeError, pickle.PicklingError):  # an exception of the user's own
            connection.send(("error", RuntimeError(f"{reply[1]!r} cannot be sent to the driver")))


def can_fork() -> bool:
    """Whether this process may be forked: on Linux, and with no other thread.

    Torch's own data loaders fork on Linux too. On other systems the libraries do not survive a
    fork, and a lock held by another thread at that moment would never be released.
    """
    return sys.platform == "linux" and threading.active_count() == 1


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Processes started inside the block ignore Ctrl-C; the driver ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
