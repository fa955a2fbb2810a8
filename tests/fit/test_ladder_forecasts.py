"""The arithmetic of the benchmark of forecasts of ladders."""

from __future__ import annotations

import math

import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.size import Size
from tests.benchmarks import ladder_evidence
from tests.benchmarks.ladder_evidence import SEEDS, Measured, grained
from tests.benchmarks.ladder_forecasts import (
    Outcome,
    difference,
    holds,
    outcomes,
    share,
    summary,
)
from tests.benchmarks.ladder_table import LADDERS
from tests.benchmarks.ladders import record

SIZE = Size(width=32, depth=2, batch=16, steps=100)


def test_a_difference_has_the_interval_of_both() -> None:
    """Half-widths 3 and 4 are 5 in quadrature."""
    predicted, own = Interval(value=1, low=-2, high=4), Interval(value=-3, low=-7, high=1)
    assert difference(predicted, own) == Interval(value=4, low=-1, high=9)
    assert holds(difference(predicted, own))
    assert not holds(difference(Interval(value=3, low=0, high=6), own))


def test_a_share_has_its_exact_binomial_interval() -> None:
    """Clopper and Pearson's interval of 9 in 10 is .555 to .9975 (R: binom.test(9, 10))."""
    assert share([True] * 9 + [False]) == "9/10 = 0.90 (0.55 to 1.00)"
    assert share([False] * 4) == "0/4 = 0.00 (0.00 to 0.60)"  # 1 - .025^(1/4) = .602
    assert share([]) == "–"


def test_settings_are_trained_on_a_grid_of_a_hundredth_of_an_octave() -> None:
    setting = grained({"lr": 2.0**-6.2514, "init_std": 1.0}, ["lr"])
    assert setting == (("lr", pytest.approx(2.0**-6.25, rel=1e-5)),)


def test_measured_regret_is_paired_by_seed(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extra losses .01 and .03 in turn: mean .02 of a loss of 2, s.e. .01·√(8/7)/2/√8."""
    monkeypatch.setattr(ladder_evidence, "CHOICES", tmp_path)
    measured = Measured(LADDERS[0], LADDERS[0].load())
    for i, seed in enumerate(SEEDS):
        noise = 0.5 if i % 2 else -0.5  # common to both settings
        extra = 0.03 if i % 4 < 2 else 0.01
        best = record(SIZE, seed, {"lr": 2.0**-6}, 2 + noise)
        worse = record(SIZE, seed, {"lr": 2.0**-5}, 2 + noise + extra)
        measured.table.append("choice", [best, worse])
    mean, error = measured.regret({"lr": 2.0**-5}, {"lr": 2.0**-6})
    assert mean == pytest.approx(0.01)
    assert error == pytest.approx(0.01 * math.sqrt(8 / 7) / 2 / math.sqrt(8))
    assert len(measured.settings) == 2
    assert measured.losses({"lr": 2.0**-5}, measured.search_seeds) is None
    assert measured.regret({"lr": 2.0**-4}, {"lr": 2.0**-6}) is None


def test_a_summary_without_intervals_leaves_their_figures_out() -> None:
    """Two of the muon ladder's four rungs span one octave, too little for the one two beyond."""
    ladder = next(ladder for ladder in LADDERS if ladder.name == "mlp-mup-muon")
    known = [o for o in outcomes(ladder, is_training=False) if isinstance(o, Outcome)]
    without = [o for o in known if not o.forecast.optimum]
    assert (len(without), len(known)) == (1, 2)
    assert "optimum within both intervals: –" in summary(without)
    assert "octaves" not in summary(without)
    assert "octaves" in summary(known)
