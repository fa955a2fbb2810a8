"""The law of Hoffmann et al., held against the published refit of Besiroglu et al."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.forms.chinchilla import CHINCHILLA
from mutransfer_cli.surface.laws.law_form import LawOptions, LawTable
from mutransfer_cli.surface.laws.loss.power_sum import fit_power_sum, starts
from tests.helpers.law_tables import CHINCHILLA_POINTS, loss_table


def published_points(highest: int) -> LawTable:
    """The points, without so many of the highest losses; tokens = flops / (6 params)."""
    params, flops, loss = np.loadtxt(CHINCHILLA_POINTS, delimiter=",", skiprows=2).T
    kept = np.argsort(loss)[: len(loss) - highest]
    columns = {"params": params, "tokens": flops / (6 * params), "loss": loss}
    return LawTable({name: c[kept] for name, c in columns.items()}, ("params", "tokens"))


def test_the_published_refit() -> None:
    """arXiv 2404.10102, table 2: E 1.8172, A 482.01, B 2085.43, α .3478, β .3658."""
    law = CHINCHILLA.fit(published_points(highest=5), LawOptions())
    value = {name: p.value for name, p in law.parameters.items() if isinstance(p, Interval)}
    assert value["E"] == pytest.approx(1.8172, rel=0.02)
    assert value["alpha"] == pytest.approx(0.3478, rel=0.02)
    assert value["beta"] == pytest.approx(0.3658, rel=0.02)
    assert value["A"] == pytest.approx(482.01, rel=0.05)
    assert value["B"] == pytest.approx(2085.43, rel=0.05)
    alpha = law.parameters["alpha"]
    assert isinstance(alpha, Interval) and alpha.low is not None and alpha.high is not None
    # the published standard error of α is .0154: an interval of ±1.96 of them, to a third
    assert alpha.high - alpha.low == pytest.approx(2 * 1.96 * 0.0154, rel=1 / 3)
    assert law.points == 240 and law.unidentified == ()


def test_the_five_highest_losses_raise_beta() -> None:
    """The control: with them in, β leaves the published interval, .3658 ± 1.96·.0224."""
    law = CHINCHILLA.fit(published_points(highest=0), LawOptions(resamples=100))
    beta = law.parameters["beta"]
    assert isinstance(beta, Interval) and beta.value > 0.43


@pytest.mark.slow
def test_the_best_starts_reach_what_all_starts_reach() -> None:
    """All 4500 starts of the published grid find no better optimum than the 250 best."""
    table = published_points(highest=5)
    sizes = np.stack([table.logs(name) for name in table.sizes], axis=1)
    quick = LawOptions(resamples=100)
    few = fit_power_sum(sizes, table.logs("loss"), quick)
    grid = starts(sizes.mean(axis=0), None)
    assert len(grid) == 4500
    every = fit_power_sum(sizes, table.logs("loss"), quick, searched=len(grid))
    assert few.objective == pytest.approx(every.objective, rel=1e-9)
    assert few.estimate == pytest.approx(every.estimate, rel=1e-4)


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    """Over 60 tables, 90 % intervals of α hold it in .80 to .98: ±2.6 standard errors."""
    inside = 0
    for seed in range(60):
        table = loss_table(noise=0.004, seed=seed, repeats=8)
        law = CHINCHILLA.fit(table, LawOptions(confidence=0.9, resamples=200))
        alpha = law.parameters["alpha"]
        assert isinstance(alpha, Interval) and alpha.low is not None and alpha.high is not None
        inside += alpha.low <= 0.34 <= alpha.high
    assert 48 <= inside <= 59


def test_what_cannot_be_fitted() -> None:
    table = loss_table(noise=0.003)
    one_size = table.rows(table["params"] == 1e8)
    with pytest.raises(InputError, match="every run has params = 1e\\+08"):
        CHINCHILLA.fit(one_size, LawOptions())
    few = table.rows((table["params"] <= 2e8) & (table["tokens"] <= 8e9))
    with pytest.raises(InputError, match=r"4 different sizes .* at least 6"):
        CHINCHILLA.fit(few, LawOptions())


def test_sizes_that_grow_together_are_not_told_apart() -> None:
    """tokens = 20 params throughout: E may be known, the two terms are not."""
    params = np.repeat(np.geomspace(1e7, 1e9, 12), 4)
    tokens = 20 * params
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(len(params)))
    loss = (1.7 + 400 * params**-0.34 + 900 * tokens**-0.30) * noise
    columns = {"params": params, "tokens": tokens, "loss": loss}
    law = CHINCHILLA.fit(LawTable(columns, ("params", "tokens")), LawOptions(resamples=100))
    assert "the same power of" in law.unidentified[0]
