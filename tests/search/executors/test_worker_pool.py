"""Workers answer in parts; forked or started afresh, one that dies is replaced."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import torch

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import base_size
from mutransfer_cli.search.executors import local
from mutransfer_cli.search.executors.worker_pool import Message, WorkerPool, can_fork
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.machine.threads import limit_threads
from mutransfer_cli.train.single_trial import SingleModel
from mutransfer_cli.train.trial import Trial

STATE = {"seen": "before"}
CONV = (
    "name: c\nmodel: {build: convnet}\ndata: {source: digits}\n"
    "base: {width: 8, depth: 1, batch: 8, steps: 20}\nladder: {width: [8]}\n"
    "search: {seeds: 1, extend: 0, space: {lr: {log2: [-8, -5]}}}\n"
)


def nothing() -> None:
    return None


def count(task: int) -> Iterator[object]:
    """As many parts as the task says; 3 kills the worker, 4 fails."""
    for i in range(task):
        if i == 2 and task == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield i
    if task == 4:
        raise ValueError("four")


def threads(task: int) -> Iterator[object]:
    from threadpoolctl import threadpool_info

    numpy.ones((64, 64)) @ numpy.ones((64, 64))
    yield {lib["num_threads"] for lib in threadpool_info()} | {torch.get_num_threads()}


def looks(task: int) -> Iterator[object]:
    yield STATE["seen"]


def answers(
    pool: WorkerPool[int], tasks: list[int], function: object = count
) -> list[Message[int]]:
    found: list[Message[int]] = []
    left = list(tasks)
    while left or pool.is_busy:
        while left and pool.has_free_worker:
            pool.submit(function, left.pop(0))  # type: ignore[arg-type]  # either of the two above
        found += pool.poll()
    return found


@pytest.mark.parametrize("forked", [False, True])
def test_parts_ends_and_deaths(forked: bool) -> None:
    pool: WorkerPool[int] = WorkerPool(2, nothing, (), forked=forked and sys.platform == "linux")
    try:
        found = answers(pool, [2, 3, 4, 2])
        assert [h.value for h in found if h.task == 2 and h.kind == "part"] in (
            [0, 1, 0, 1],
            [0, 0, 1, 1],
        )
        assert [h.kind for h in found if h.task == 3] == ["part", "part", "died"]
        assert [h.kind for h in found if h.task == 4] == ["part"] * 4 + ["error"]
        assert [h.kind for h in found if h.task == 2].count("end") == 2
    finally:
        pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_a_forked_worker_knows_what_this_process_knew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STATE, "seen", "now")
    pool: WorkerPool[int] = WorkerPool(1, nothing, (), forked=True)
    afresh: WorkerPool[int] = WorkerPool(1, nothing)
    try:
        assert [h.value for h in answers(pool, [1], looks) if h.kind == "part"] == ["now"]
        assert [h.value for h in answers(afresh, [1], looks) if h.kind == "part"] == ["before"]
    finally:
        pool.close()
        afresh.close()


@pytest.mark.parametrize("forked", [False, True])
def test_a_worker_computes_with_as_many_threads_as_it_was_given(forked: bool) -> None:
    """torch, and numpy's libraries as well; the control is a worker that nobody told."""
    pool: WorkerPool[int] = WorkerPool(
        1, limit_threads, (1,), forked=forked and sys.platform == "linux"
    )
    free: WorkerPool[int] = WorkerPool(1, limit_threads, (3,))
    try:
        assert [h.value for h in answers(pool, [1], threads) if h.kind == "part"] == [{1}]
        assert [h.value for h in answers(free, [1], threads) if h.kind == "part"] == [{3}]
    finally:
        pool.close()
        free.close()


def keep_number(names: tuple[str, ...], number: int) -> None:
    STATE["seen"] = names[number % len(names)]


def name_or_die(task: int) -> Iterator[object]:
    """The worker's name; a task of 0 ends the process."""
    if task == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    yield STATE["seen"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_workers_and_their_replacements_take_names_in_turn() -> None:
    pool: WorkerPool[int] = WorkerPool(3, keep_number, (("a", "b"),), forked=True, numbered=True)
    try:
        for task in (1, 2, 3):  # one for each worker
            pool.submit(name_or_die, task)
        found: dict[int, object] = {}
        while pool.is_busy:
            found |= {m.task: m.value for m in pool.poll() if m.kind == "part"}
        assert found == {1: "a", 2: "b", 3: "a"}
        pool.submit(name_or_die, 0)  # the first worker dies, and its number is free again
        assert [m.kind for m in pool.poll()] == ["died"]
        for task in (4, 5, 6):
            pool.submit(name_or_die, task)
        while pool.is_busy:
            found |= {m.task: m.value for m in pool.poll() if m.kind == "part"}
        assert sorted(str(found[task]) for task in (4, 5, 6)) == ["a", "a", "b"]
    finally:
        pool.close()


def test_a_process_with_threads_is_not_forked() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert not can_fork()
    done.set()
    thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_forked_after_training_on_many_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenMP's threads are not there in a child, which asks for one."""
    made = loads(CONV)
    size = base_size(made.recipe)
    monkeypatch.setattr(local, "can_fork", lambda: True)
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        model = SingleModel(Trial.of(ProxyFactory(made.recipe), size))
        for step in range(3):
            model.step(step)
        torch.randn(512, 512) @ torch.randn(512, 512)
        document = sweep(made, tmp_path / "run", device="cpu", workers=2)
    finally:
        torch.set_num_threads(threads)
    assert document.trials.finished + document.trials.diverged == 4
