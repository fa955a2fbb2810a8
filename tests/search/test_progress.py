"""The state of a sweep, counted by hand."""

from __future__ import annotations

from dataclasses import replace

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.progress import event, rung_state
from tests.helpers.sweeps import record_with

NARROW, WIDE = Size(8, 1, 4, 10), Size(16, 1, 4, 10)


def job(size: Size, lr: float) -> Job:
    return Job(size, 0, (("lr", lr),))


def test_outcomes_and_rungs_are_counted() -> None:
    pruned = replace(record_with(job(NARROW, 0.3), None), outcome="pruned")
    records = [
        record_with(job(NARROW, 0.1), 2.0),
        record_with(job(NARROW, 0.2), 1.0),
        pruned,
        record_with(job(WIDE, 0.1), None),
    ]
    found = event([NARROW, WIDE], records, [job(WIDE, 0.2)], "ended", 2, 9.0)
    assert (found.done, found.total, found.running, found.seconds_left) == (4, 5, 2, 9.0)
    assert (found.pruned, found.diverged, found.failed) == (1, 1, 0)
    narrow, wide = found.rungs
    assert (narrow.done, narrow.total, narrow.loss, narrow.params) == (3, 3, 1.0, {"lr": 0.2})
    assert (wide.done, wide.total, wide.loss, wide.params) == (1, 2, None, {})


def test_a_loss_of_zero_is_the_best() -> None:
    records = [record_with(job(NARROW, 0.1), 0.0), record_with(job(NARROW, 0.2), 0.5)]
    assert rung_state(NARROW, records, []).params == {"lr": 0.1}
