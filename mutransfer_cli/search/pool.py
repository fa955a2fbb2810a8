"""Worker processes with one task each: one that dies or hangs is replaced, the others go on.

(concurrent.futures' pool breaks as a whole when one of its processes dies, and cannot end one.)
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")
ENDING = 10.0  # seconds that a worker has to save its trial when it is asked to end


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """How a task ended."""

    task: T
    how: Literal["value", "error", "died", "hung"]
    value: Any  # what the function returned or raised; None where the worker died or hung
    seconds: float


def start_method() -> str:
    """Fork where it is safe: no other thread here whose locks a child would inherit.

    A forked worker is there at once; a spawned one imports torch first, for seconds.
    """
    import torch

    safe = (
        sys.platform == "linux"
        and threading.active_count() == 1
        and not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    )
    return "fork" if safe else "spawn"


class Worker(Generic[T]):
    """One process and what it is doing."""

    def __init__(self, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        context: Any = multiprocessing.get_context(start_method())
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, start, arguments), daemon=True)
        with interrupts_ignored():
            self.process.start()
        theirs.close()
        self.task: T | None = None
        self.ready = False
        self.since = time.monotonic()
        self.limit: float | None = None

    def give(self, function: Callable[[T], Any], task: T, limit: float | None) -> None:
        self.task, self.since, self.limit = task, time.monotonic(), limit
        self.connection.send((function, task))

    def heard(self) -> tuple[Literal["value", "error", "died"], Any] | None:
        """What the worker says: its task's end, or None where it has only become ready."""
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            return "died", None
        if kind == "ready":
            self.ready, self.since = True, time.monotonic()
            return None
        return kind, value


class Pool(Generic[T]):
    """At most `count` processes, each begun by `start(*arguments)`, made when they are needed."""

    def __init__(
        self, count: int, start: Callable[..., None], arguments: tuple[Any, ...] = ()
    ) -> None:
        self.count, self.start, self.arguments = count, start, arguments
        self.workers: list[Worker[T]] = []

    @property
    def free(self) -> bool:
        return len(self.workers) < self.count or any(w.task is None for w in self.workers)

    @property
    def busy(self) -> bool:
        return any(w.task is not None for w in self.workers)

    def submit(self, function: Callable[[T], Any], task: T, limit: float | None = None) -> None:
        """Hand a task to a free worker; limit: seconds that it may take."""
        idle = next((w for w in self.workers if w.task is None), None)
        if idle is None:
            idle = Worker(self.start, self.arguments)
            self.workers.append(idle)
        try:
            idle.give(function, task, limit)
        except OSError:
            return  # it died while idle: `ended` will find its pipe closed

    def ended(self) -> Iterator[Ended[T]]:
        """Wait for at least one task to end, or to reach its limit."""
        found = False
        while not found:
            busy = [w for w in self.workers if w.task is not None]
            until = [w.since + w.limit for w in busy if w.ready and w.limit is not None]
            timeout = max(0.0, min(until) - time.monotonic()) if until else None
            spoke = wait([w.connection for w in busy], timeout)
            for worker in busy:
                seconds = time.monotonic() - worker.since
                said = worker.heard() if worker.connection in spoke else None
                hung = worker.limit is not None and worker.ready and seconds > worker.limit
                if said is None and not hung:
                    continue
                task = worker.task
                assert task is not None
                worker.task = None
                how, value = said or ("hung", None)
                if how in ("died", "hung"):
                    self._discard(worker)
                found = True
                yield Ended(task, how, value, seconds)

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
            reply = ("value", function(task))
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))
            reply = ("error", error)
        try:
            connection.send(reply)
        except (TypeError, AttributeError, pickle.PicklingError):  # an exception of the user's own
            connection.send(("error", RuntimeError(f"{reply[1]!r} cannot be sent to the driver")))


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
