from __future__ import annotations

import re

import numpy as np
import pytest

from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.forms.isoflop import ISOFLOP
from mutransfer_cli.surface.laws.law_form import LawOptions, LawTable
from mutransfer_cli.surface.laws.loss.loss_law import Beyond, predicted_losses
from mutransfer_cli.surface.laws.loss.power_sum import fit_power_sum
from mutransfer_cli.surface.laws.optima.isoflop_curves import isoflop_curves
from tests.helpers.law_tables import CHINCHILLA_POINTS

BUDGETS = (1e18, 1e19, 1e20, 1e21)


def curves(noise: float = 5e-4) -> LawTable:
    """Of E + A·N^−.34 + B·D^−.28 with C = 6ND: by hand, N* ∝ C^(.28/(.34 + .28)) = C^.4516."""
    rng = np.random.default_rng(0)
    rows = []
    for budget in BUDGETS:
        best = optimal_params(budget)
        for octaves in np.arange(-2.0, 2.5, 0.5):
            params = best * 2.0**octaves
            tokens = budget / (6 * params)
            loss = 1.7 + 400 * params**-0.34 + 600 * tokens**-0.28
            rows.append((params, budget, loss * np.exp(noise * rng.standard_normal())))
    params, flops, loss = np.array(rows).T
    return LawTable({"params": params, "flops": flops, "loss": loss}, ("flops",))


def optimal_params(budget: float) -> float:
    """dL/dN = 0: N^(α+β) = (αA/βB)·(C/6)^β."""
    ratio = (0.34 * 400) / (0.28 * 600)
    return float((ratio * (budget / 6) ** 0.28) ** (1 / 0.62))


def test_exponents() -> None:
    law = ISOFLOP.fit(curves(), LawOptions())
    a, b = law.parameters["a"], law.parameters["b"]
    assert isinstance(a, Interval) and isinstance(b, Interval)
    assert a.low is not None and a.high is not None
    assert a.low < 0.28 / 0.62 < a.high
    assert a.value == pytest.approx(0.28 / 0.62, abs=0.02)
    assert a.value + b.value == pytest.approx(1.0)
    predicted = law.predict({"flops": 1e22})
    assert predicted["params"].value == pytest.approx(optimal_params(1e22), rel=0.25)
    tokens = 1e22 / (6 * optimal_params(1e22))
    truth = 1.7 + 400 * optimal_params(1e22) ** -0.34 + 600 * tokens**-0.28
    loss = predicted["loss"]
    assert loss.low is not None and loss.high is not None
    assert loss.low < truth < loss.high and loss.value == pytest.approx(truth, rel=0.01)
    assert loss.high / loss.low < 1.1
    product = 6 * predicted["params"].value * predicted["tokens"].value
    assert product == pytest.approx(1e22)


@pytest.mark.slow
def test_losses_beyond_few_curves_lie_inside() -> None:
    """Four curves of seven sizes an octave apart, about other places; 67 times their compute.

    Of 24 laws E + A·N^−α + B·D^−β, 90 % intervals; the control is the spread of resamples, which
    knows nothing of how far the levels of so few curves err together.
    """
    options, beyond = LawOptions(confidence=0.9, resamples=200), np.log([[1e22]])
    inside, alone = 0, 0
    for seed in range(24):
        rng = np.random.default_rng([9, seed])
        alpha, beta = rng.uniform(0.28, 0.45, 2)
        a, b = 400 * 1e8 ** (alpha - 0.34), 900 * 2e9 ** (beta - 0.30)

        def optimal(
            c: float, alpha: float = alpha, beta: float = beta, ratio: float = a / b
        ) -> float:
            return float((alpha * ratio / beta * (c / 6) ** beta) ** (1 / (alpha + beta)))

        rows = []
        for c in 6e17 * 4.0 ** np.arange(5):
            middle = rng.uniform(-0.5, 0.5) + rng.uniform(-0.7, 0.7)
            for octaves in np.arange(-3.0, 3.1):
                n = optimal(c) * 2 ** (octaves + middle)
                loss = 1.7 + a * n**-alpha + b * (c / 6 / n) ** -beta
                rows.append((n, c, loss * np.exp(5e-4 * rng.normal())))
        params, flops, loss = np.array(rows[:28]).T
        table = LawTable({"params": params, "flops": flops, "loss": loss}, ("flops",))
        law = ISOFLOP.fit(table, options)
        best = optimal(1e22)
        truth = 1.7 + a * best**-alpha + b * (1e22 / 6 / best) ** -beta
        assert law.loss is not None
        _, low, high = predicted_losses(*law.loss, beyond, options)
        resampled = fit_power_sum(np.log(law.computes)[:, None], law.optima.levels, options)
        _, alone_low, alone_high = predicted_losses(resampled, Beyond(), beyond, options)
        inside += int(low[0] < truth < high[0])
        alone += int(alone_low[0] < truth < alone_high[0])
    assert inside >= 22 and alone < 22


def test_optima_that_bend_are_named() -> None:
    """Vertices at log2 N = 28 + z/2 + b·z²/2, z octaves of compute: a changes by b per octave."""
    for bend, noted in ((0.012, True), (0.0, False)):
        rows = []
        for z in np.arange(-9.0, 9.5, 3.0):
            vertex = 28 + z / 2 + bend * z**2 / 2
            for away in np.arange(-2.0, 2.5, 1.0):
                rows.append((2.0 ** (vertex + away), 2.0 ** (66 + z), 3 + 0.02 * away**2))
        params, flops, loss = np.array(rows).T
        table = LawTable({"params": params, "flops": flops, "loss": loss}, ("flops",))
        found = " ".join(ISOFLOP.fit(table, LawOptions()).notes)
        changes = re.findall(r"the exponent of params in flops changes by (\S+) per", found)
        assert [float(change) for change in changes] == (
            [pytest.approx(0.012, abs=0.002)] if noted else []
        )


def test_a_held_out_curve_is_scored() -> None:
    table = curves()
    law = ISOFLOP.fit(table.rows(table["flops"] < 5e20), LawOptions())
    score = law.score(table.rows(table["flops"] > 5e20))
    assert (score.points, score.inside) == (1, 1)
    assert score.regret is not None and score.regret[0] < 0.005


def test_the_published_exponents() -> None:
    """Hoffmann et al., table 2, approach 2: a = .49 (.462 to .534); 5.76e23 FLOPs: 67 B or so."""
    params, flops, loss = np.loadtxt(CHINCHILLA_POINTS, delimiter=",", skiprows=2).T
    table = LawTable({"params": params, "flops": flops, "loss": loss}, ("flops",))
    law = ISOFLOP.fit(table, LawOptions())
    a = law.parameters["a"]
    assert isinstance(a, Interval) and 0.462 < a.value < 0.534
    assert 40e9 < law.predict({"flops": 5.76e23})["params"].value < 110e9


def test_runs_that_are_on_no_curve() -> None:
    table = curves()
    stray = LawTable({name: np.append(table[name], 1e17) for name in table.columns}, ("flops",))
    assert list(isoflop_curves(stray)[-1:]) == [-1]
    assert set(isoflop_curves(stray)[:-1]) == {0, 1, 2, 3}


def test_two_curves_are_too_few() -> None:
    table = curves()
    with pytest.raises(Inconclusive, match="2 isoFLOP curves"):
        ISOFLOP.fit(table.rows(table["flops"] < 5e19), LawOptions())
    one_sided = table.rows(table["params"] < 0.7 * np.vectorize(optimal_params)(table["flops"]))
    with pytest.raises(Inconclusive):
        ISOFLOP.fit(one_sided, LawOptions())
