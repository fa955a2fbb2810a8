"""What runs again after a worker was lost: by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.retries import DEATHS_ALLOWED, Retries, unanswered
from mutransfer_cli.search.job import Job

GROUP = tuple(Job(Size(8, 1, 4, 12), seed, (("lr", 0.1),)) for seed in range(3))
ALONE = [(job,) for job in GROUP]


def test_a_group_goes_on_once_then_each_trial_by_itself() -> None:
    retries = Retries("")
    assert retries.regroup(GROUP, died=True) == [GROUP]
    assert retries.regroup(GROUP, died=True) == ALONE


def test_by_itself_a_trial_trains_without_the_operations_of_a_population() -> None:
    retries = Retries("")
    group = tuple(replace(job, batched=True) for job in GROUP)
    tried = [retries.regroup(group, died=True) for _ in range(DEATHS_ALLOWED)]
    assert [[job.batched for g in groups for job in g] for groups in tried] == [
        [True] * 3,  # the group once more
        [False] * 3,
        [False] * 3,
    ]


def test_a_group_that_does_not_answer_is_split_at_once() -> None:
    assert Retries("").regroup(GROUP, died=False) == ALONE


def test_a_trial_that_keeps_losing_its_worker_is_an_error() -> None:
    retries = Retries("width {width} keeps dying: {reason}")
    for _ in range(DEATHS_ALLOWED):
        retries.regroup(GROUP[:1], died=True)
    with pytest.raises(InputError, match="width 8 keeps dying: out of memory") as caught:
        retries.regroup(GROUP[:1], died=True, cause=RuntimeError("out of memory\nand a trace"))
    assert "\n" not in str(caught.value)


def test_a_trial_without_an_answer_has_failed() -> None:
    result = unanswered(3.0, 4.5, "; its worker was ended")
    assert (result.outcome, result.loss, result.seconds) == ("failed", None, 4.5)
    assert result.why == "search.timeout: over 3 s without an answer; its worker was ended"
