"""Set-up of the tests of sweeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mutransfer_cli.search.grouping import engine


@pytest.fixture(scope="module", autouse=True)
def small_sweeps_train_one_by_one() -> Iterator[None]:
    """Whether a population pays shall not depend on a stall of the machine.

    Trials of other groups differ in their last digits, and these tests compare losses exactly.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "WORTH_SECONDS", 1e9)
        yield
