"""Which trials are the same, and which still have to run."""

from __future__ import annotations

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from tests.helpers.sweeps import record_with

NARROW, WIDE = Size(8, 1, 4, 10), Size(16, 1, 4, 10)


def test_a_key_ignores_the_order_and_the_last_digits() -> None:
    job = Job(NARROW, 0, (("lr", 0.1), ("init_std", 0.2)))
    assert job.key == Job(NARROW, 0, (("init_std", 0.2), ("lr", 0.1 * (1 + 1e-15)))).key
    for other in (
        Job(WIDE, 0, job.setting),
        Job(NARROW, 1, job.setting),
        Job(NARROW, 0, (("lr", 0.1 * (1 + 1e-9)), ("init_std", 0.2))),
    ):
        assert other.key != job.key


def test_what_is_missing_comes_once_and_the_widest_first() -> None:
    narrow, wide = Job(NARROW, 0, (("lr", 0.1),)), Job(WIDE, 0, (("lr", 0.1),))
    assert missing([narrow, wide, narrow], []) == [wide, narrow]
    assert missing([narrow, wide], [record_with(wide, None)]) == [narrow]  # it diverged: no rerun
