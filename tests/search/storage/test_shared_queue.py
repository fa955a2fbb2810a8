"""Of several processes on one study each trial is run by one, and stored once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mutransfer_cli.search.storage.process_identity import this_process
from mutransfer_cli.search.storage.shared_queue import SharedTrialQueue
from tests.helpers.queues import JOBS, ended, shared_queue
from tests.helpers.waiting import wait_until


@pytest.fixture(params=["journal:study.log", "sqlite:///shared.db"])
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def elsewhere(made: SharedTrialQueue, pid: int) -> SharedTrialQueue:
    """The same claims as those of a process on another machine: it cannot be seen from here."""
    made.process = {**made.process, "host": "other", "pid": pid, "place": "another boot"}
    return made


def test_a_claimed_trial_is_not_granted_again(tmp_path: Path, storage: str) -> None:
    a, b = shared_queue(tmp_path, storage), elsewhere(shared_queue(tmp_path, storage), 7)
    assert a.claim(JOBS[:3]) == JOBS[:3]
    assert b.claim(JOBS) == JOBS[3:]
    assert a.store(ended(JOBS[0]))
    assert [r.key for r in b.records()] == [JOBS[0].key]
    assert b.claim(JOBS) == []  # ended, or running


def test_of_two_claims_at_the_same_moment_the_first_holds(tmp_path: Path, storage: str) -> None:
    a, b = shared_queue(tmp_path, storage), elsewhere(shared_queue(tmp_path, storage), 7)
    job = JOBS[0]
    for claimant in (a, b):  # both looked before either wrote
        claimant.held[job.key] = claimant._create(job)
    assert b._confirmed([job]) == []
    assert a._confirmed([job]) == [job]
    assert a.store(ended(job))
    assert len(b.records()) == 1


def test_a_dead_process_is_followed_at_once(tmp_path: Path, storage: str) -> None:
    dead, b = shared_queue(tmp_path, storage), elsewhere(shared_queue(tmp_path, storage), 7)
    dead.process = {**this_process(), "started": "1"}  # its number now belongs to another process
    assert dead.claim(JOBS[:1]) == JOBS[:1]
    assert b.claim(JOBS[:1]) == JOBS[:1]


def test_silence_is_measured_by_the_own_clock(
    tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall clock jumps back a day meanwhile; a counter that moves is a heartbeat."""
    a = elsewhere(shared_queue(tmp_path, storage, beat=0.05, stale=0.4), 7)
    b = shared_queue(tmp_path, storage, beat=0.05, stale=0.4)
    with a:
        assert a.claim(JOBS[:1]) == JOBS[:1]
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() - 86400)
        # three times as long as a silence that ends a claim
        assert not wait_until(lambda: b.claim(JOBS[:1]) != [], 1.2)
        a.closing.set()  # it stops to give signs, and goes on with its trial
        a.heartbeat.join()
        assert wait_until(lambda: b.claim(JOBS[:1]) == JOBS[:1], 20)
        assert not a.store(ended(JOBS[0], loss=9.0))  # it comes too late
        assert b.store(ended(JOBS[0], loss=1.0))
    assert [r.loss for r in a.records()] == [r.loss for r in b.records()] == [1.0]


def test_what_is_left_is_given_back(tmp_path: Path, storage: str) -> None:
    with elsewhere(shared_queue(tmp_path, storage), 7) as a:
        assert a.claim(JOBS[:2]) == JOBS[:2]
    b = shared_queue(tmp_path, storage)
    assert b.claim(JOBS[:2]) == JOBS[:2]
    assert b.records() == []


def test_the_budget_of_trials_is_shared(tmp_path: Path, storage: str) -> None:
    a = shared_queue(tmp_path, storage, most=3)
    b = elsewhere(shared_queue(tmp_path, storage, most=3), 7)
    assert len(a.claim(JOBS[:2])) == 2
    assert len(b.claim(JOBS)) == 1
