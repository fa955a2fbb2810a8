"""Agreement of two kinds of models against that of their seeds."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.probes.estimates.agreement import (
    CKA,
    Key,
    Learned,
    agreement_tables,
    jackknife,
    pair_mean,
    relative_agreement,
)


def models(shared: bool) -> dict[Key, Learned]:
    """Two kinds with three seeds each, which see one thing, or each kind its own."""
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(2, 100, 3))
    learned = {}
    for kind in (0, 1):
        for seed in range(3):
            noisy = seen[0 if shared else kind] + 0.5 * rng.normal(size=(100, 3))
            learned[(kind, seed)] = (noisy, noisy)
    return learned


def test_kinds_that_differ_by_seeds_agree_to_1() -> None:
    """Though seeds agree to less than 1 themselves."""
    table = agreement_tables(models(shared=True))[CKA]
    assert pair_mean(table, 0, 0, [0, 1, 2]) < 0.9
    assert relative_agreement(table, 0, 1, [0, 1, 2]) == pytest.approx(1.0, abs=0.05)
    apart = agreement_tables(models(shared=False))[CKA]  # the control
    assert abs(relative_agreement(apart, 0, 1, [0, 1, 2])) < 0.1


def test_the_jackknife_of_a_mean() -> None:
    """Of 1, 2, 3: the mean's standard error, 1/√3, times 2.920 (t of 2 degrees at 95 %)."""
    values = {0: 1.0, 1: 2.0, 2: 3.0}
    found = jackknife(lambda seeds: float(np.mean([values[s] for s in seeds])), [0, 1, 2], 0.9)
    assert found.value == pytest.approx(2.0) and found.high is not None
    assert found.high - 2 == pytest.approx(2.920 / 3**0.5, abs=1e-3)
