"""Worker processes with one task each: one that dies or hangs is replaced, the others go on.

A task answers with any number of parts, as they are ready. (concurrent.futures' pool breaks as a
whole when one of its processes dies, and cannot end one.)
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")
ENDING = 10.0  # seconds that a worker has to save its trial when it is asked to end


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """A part of a task's answer, or how it ended."""

    task: T
    how: Literal["part", "end", "error", "died", "hung"]
    value: Any  # the part, or what the function raised
    seconds: float


class Worker(Generic[T]):
    """One process and what it is doing."""

    def __init__(
        self, start: Callable[..., None], arguments: tuple[Any, ...], forked: bool = False
    ) -> None:
        context = multiprocessing.get_context("fork" if forked else "spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(  # type: ignore[attr-defined]  # both kinds have one
            target=serve, args=(theirs, start, arguments), daemon=True
        )
        with interrupts_ignored(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of OpenMP, which may be
            self.process.start()
        theirs.close()
        self.task: T | None = None
        self.ready = False
        self.since = time.monotonic()

    def give(self, function: Callable[[T], Iterator[Any]], task: T) -> None:
        self.task, self.since = task, time.monotonic()
        self.connection.send((function, task))

    def heard(self) -> tuple[Literal["part", "end", "error", "died"], Any] | None:
        """What the worker says of its task; None where it has only become ready."""
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            return "died", None
        if kind == "ready":
            self.ready, self.since = True, time.monotonic()
            return None
        return kind, value


class Pool(Generic[T]):
    """At most `count` processes, each begun by `start(*arguments)`, made when they are needed.

    forked: all of them are made at once from this process, which has imported already what they
    need; that takes milliseconds instead of seconds. Those that replace them start afresh.
    """

    def __init__(
        self,
        count: int,
        start: Callable[..., None],
        arguments: tuple[Any, ...] = (),
        forked: bool = False,
    ) -> None:
        self.count, self.start, self.arguments = count, start, arguments
        self.workers: list[Worker[T]] = [
            Worker(start, arguments, forked=True) for _ in range(count if forked else 0)
        ]

    @property
    def free(self) -> bool:
        return len(self.workers) < self.count or any(w.task is None for w in self.workers)

    @property
    def busy(self) -> bool:
        return any(w.task is not None for w in self.workers)

    def submit(self, function: Callable[[T], Iterator[Any]], task: T) -> None:
        """Hand a task to a free worker."""
        idle = next((w for w in self.workers if w.task is None), None)
        if idle is None:
            idle = Worker(self.start, self.arguments)
            self.workers.append(idle)
        try:
            idle.give(function, task)
        except OSError:
            return  # it died while idle: `ended` will find its pipe closed

    def heard(self, limit: float | None = None) -> Iterator[Heard[T]]:
        """Wait for news of at least one task; limit: seconds a task may take."""
        found = False
        while not found:
            busy = [w for w in self.workers if w.task is not None]
            until = [w.since + limit for w in busy if w.ready and limit is not None]
            timeout = max(0.0, min(until) - time.monotonic()) if until else None
            spoke = wait([w.connection for w in busy], timeout)
            for worker in busy:
                seconds = time.monotonic() - worker.since
                said = worker.heard() if worker.connection in spoke else None
                hung = limit is not None and worker.ready and seconds > limit
                if said is None and not hung:
                    continue
                task = worker.task
                assert task is not None
                how, value = said or ("hung", None)
                if how != "part":
                    worker.task = None
                if how in ("died", "hung"):
                    self._discard(worker)
                found = True
                yield Heard(task, how, value, seconds)

    def _discard(self, worker: Worker[T]) -> None:
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()

    def close(self, patience: float = ENDING) -> None:
        """Ask every worker to end, and end those that do not."""
        for worker in self.workers:
            worker.process.terminate()
        until = time.monotonic() + patience
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))
        for worker in list(self.workers):
            self._discard(worker)


def serve(connection: Connection, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """In the worker: run tasks until the driver hangs up."""
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


def forkable() -> bool:
    """Whether this process may be forked: nothing else runs in it.

    That is what torch's own data loaders do on Linux. Elsewhere the system's libraries do not
    stand it, nor do threads that hold a lock at that moment.
    """
    return sys.platform == "linux" and threading.active_count() == 1


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C; the driver ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
