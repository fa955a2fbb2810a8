from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.laws.law_form import LawTable
from mutransfer_cli.surface.laws.loss.odd_runs import odd_runs


def table(rows: int, loss: float) -> LawTable:
    columns = {"params": np.full(rows, 1e8), "loss": np.full(rows, loss)}
    return LawTable(columns, ("params",))


def test_one_run_far_off_is_named() -> None:
    """ln 2 above the law is a loss of twice the law's: 100 % off."""
    residuals = np.random.default_rng(0).normal(0, 0.003, 24)
    residuals[5] = np.log(2)
    (note,) = odd_runs(table(24, 3.0), residuals)
    assert note.startswith("1 of 24 runs far off the law")
    assert "params 1e+08, loss 3 (+100% off)" in note


def test_noise_of_any_size_is_not() -> None:
    """Of 1,000 normal residuals the largest is about 3.2 standard deviations, not 20."""
    for sd in (1e-6, 0.003, 0.3):
        assert not odd_runs(table(1000, 3.0), np.random.default_rng(1).normal(0, sd, 1000))


def test_small_differences_on_an_exact_law_are_not() -> None:
    """4 % beside runs without noise: below the 5 % that matter."""
    residuals = np.zeros(12)
    residuals[3] = 0.04
    assert not odd_runs(table(12, 3.0), residuals)


def test_more_runs_than_are_shown_are_counted() -> None:
    residuals = np.zeros(30)
    residuals[:5] = (0.1, 0.5, 0.4, 0.3, 0.2)
    (note,) = odd_runs(table(30, 3.0), residuals)
    assert "5 of 30" in note and "+65% off" in note and "and 2 more" in note
    assert "+11% off" not in note
