"""Differences between two values of a hyperparameter, from pairs of runs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mutransfer_cli.fit.study.choices.category_differences import (
    category_differences,
    mean_difference,
)
from mutransfer_cli.fit.study.loss_scale import LossScale
from mutransfer_cli.surface.observation import Observation


def runs(shift: float, noise: float) -> list[Observation]:
    """log loss 1 + .05 (log2 lr + 7 - shift·m)² + .01 m, of m = 0 and 1 at two widths."""
    rng = np.random.default_rng(2)
    return [
        Observation(
            w,
            2.0**x,
            0,
            float(np.exp(1 + 0.05 * (x + 7 - shift * m) ** 2 + 0.01 * m + rng.normal(0, noise))),
            params={"tied": float(m)},
        )
        for w, x, m in product((64, 128), np.arange(-11, -2, 1.0), (0, 1))
    ]


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_the_difference_whether_or_not_the_optimum_moves(shift: float) -> None:
    """Two octaves apart the middle is -6: the pairs from -8 to -4 lie on both of its sides."""
    study = runs(shift, 1e-4)
    rungs = [(float(o.size("width") or 0),) for o in study]
    found = category_differences(study, rungs, LossScale(), {"tied": 0.0}, "tied")
    (differences,) = found.values()
    assert list(found) == [1.0] and [d.pairs for d in differences] == [5, 5]
    assert mean_difference(differences) == pytest.approx(0.01, abs=3e-4)


def test_runs_without_a_partner_are_compared_by_their_lowest_losses() -> None:
    study = [o for o in runs(0.0, 0.0) if (np.log2(o.lr) % 2 == 1) == (o.params["tied"] == 0)]
    rungs = [(float(o.size("width") or 0),) for o in study]
    (differences,) = category_differences(study, rungs, LossScale(), {"tied": 0.0}, "tied").values()
    # the lowest are .0 at 2^-7 for tied 0, and .05 + .01 an octave off for tied 1
    assert [d.pairs for d in differences] == [1, 1]
    assert mean_difference(differences) == pytest.approx(0.06)
