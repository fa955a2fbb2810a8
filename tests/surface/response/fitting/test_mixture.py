"""Which trends of the optimum the mixture finds, on ladders whose optima are known."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.fitting import mixture
from mutransfer_cli.surface.response.fitting.mixture import (
    TRANSFER_SD,
    Candidate,
    clear_drifts,
    wide_drifts,
)
from mutransfer_cli.surface.response.fitting.window import WINDOWS
from mutransfer_cli.surface.response.layout import DRIFT_SD
from mutransfer_cli.surface.response.response_surface import ResponseSurface, fit_response
from mutransfer_cli.surface.response.runs import Runs

Z = np.arange(4.0)
X = np.arange(-4.0, 5.0)
STEADY = -0.6 * Z
DECAYING = -2 * 2.0**-Z


def ladder(optima: np.ndarray, decay_odds: float = 1.0, noise: float = 0.0005) -> ResponseSurface:
    """Parabolas of .01 per squared octave, two seeds."""
    rng = np.random.default_rng(0)
    settings, sizes, seeds, losses = [], [], [], []
    for z, optimum in zip(Z, optima, strict=True):
        for seed in range(2):
            settings.append(X)
            sizes.append(np.full(len(X), z))
            seeds.append(np.full(len(X), seed))
            losses.append(1 + 0.01 * (X - optimum) ** 2 + rng.normal(0, noise, len(X)))
    return fit_response(
        Runs(
            np.concatenate(settings)[:, None],
            np.concatenate(sizes)[:, None],
            np.concatenate(seeds),
            np.concatenate(losses),
        ),
        decay_odds,
    )


def plane(drifts: tuple[float, float], losses: float = 0.01) -> ResponseSurface:
    """Paraboloids over two hyperparameters, on a grid of five by five; noise .0005."""
    rng = np.random.default_rng(0)
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-2.0, 3.0), np.arange(-2.0, 3.0)))
    settings, sizes, values = [], [], []
    for z in Z:
        squares = (x - drifts[0] * (z - 1.5)) ** 2 + (y - drifts[1] * (z - 1.5)) ** 2
        settings.append(np.stack([x, y], axis=1))
        sizes.append(np.full(len(x), z))
        values.append(1 + losses * squares + rng.normal(0, 0.0005, len(x)))
    count = len(Z) * len(x)
    return fit_response(
        Runs(
            np.concatenate(settings),
            np.concatenate(sizes)[:, None],
            np.zeros(count, dtype=int),
            np.concatenate(values),
        )
    )


def predicted(surface: ResponseSurface, z: float) -> tuple[float, float]:
    """Median and spread (84 % less 16 %, halved) of the optimum at a size."""
    low, middle, high = np.quantile(surface.at(np.array([z])).optimum[:, 0], [0.16, 0.5, 0.84])
    return float(middle), float((high - low) / 2)


def test_a_steady_drift_goes_on() -> None:
    middle, _ = predicted(ladder(STEADY), 6.0)
    assert middle == pytest.approx(-3.6, abs=0.3)


def test_a_drift_that_decays_does_not_go_on() -> None:
    """At z = 6 it is -0.03; the line through the rungs would be at -0.94 + 0.575 * 4.5 = 1.65."""
    middle, _ = predicted(ladder(DECAYING), 6.0)
    assert middle == pytest.approx(-0.03, abs=0.4)


def test_where_optima_are_known_to_settle_less_is_enough_to_believe_it() -> None:
    """With ten times the noise, the runs hardly tell a line from a decay: the odds decide more.

    Odds of ten make ten times the share of draws whose drift decays, relative to the others; a
    steady drift that the runs show clearly goes on all the same.
    """
    believed, doubted = (ladder(DECAYING, odds, noise=0.005) for odds in (10.0, 1.0))
    odds = [d / (1 - d) for d in (float(np.mean(s.draws.decays)) for s in (believed, doubted))]
    assert odds[0] > 2 * odds[1]
    assert abs(predicted(believed, 6.0)[0]) < abs(predicted(doubted, 6.0)[0])
    assert predicted(ladder(STEADY, decay_odds=10.0), 6.0)[0] == pytest.approx(-3.6, abs=0.3)


def test_an_optimum_that_transfers_does_not_drift() -> None:
    surface = ladder(0 * Z)
    assert predicted(surface, 6.0)[0] == pytest.approx(0, abs=0.1)
    assert np.mean(np.abs(surface.draws.drift) < TRANSFER_SD) > 0.8
    assert np.mean(np.abs(ladder(STEADY).draws.drift) < TRANSFER_SD) < 0.02  # the control


def test_clear_drifts_are_those_that_the_runs_show() -> None:
    def likeliest(surface: ResponseSurface) -> Candidate:
        steady = [m for m in surface.members if not m.problem.trend.decays]
        member = max(steady, key=lambda m: m.weight)
        return Candidate(member.mode, member.problem, 0.0)

    assert clear_drifts(likeliest(ladder(STEADY))).tolist() == [DRIFT_SD]
    assert clear_drifts(likeliest(ladder(0 * Z))).tolist() == [TRANSFER_SD]
    assert wide_drifts(likeliest(ladder(STEADY)).problem).tolist() == [DRIFT_SD]


@pytest.mark.parametrize(
    ("drifts", "members"),
    # misfits 3, lopsided 1, departures 2, no drift 2, decaying drifts 2; some clear: 4 more
    [((0.0, 0.0), 10), ((0.4, -0.4), 10), ((0.4, 0.0), 14)],
)
def test_each_trend_is_fitted_once(drifts: tuple[float, float], members: int) -> None:
    surface = plane(drifts)
    for window in WINDOWS:
        own = [m for m in surface.members if m.window == window]
        assert len(own) == members
        assert sum(m.weight for m in own) == pytest.approx(1 / 3)


def lopsided(skew: float) -> ResponseSurface:
    """16 rungs whose optimum is 0: .0035 x^2 (1 + skew tanh x), half octaves, noise .0005."""
    rng = np.random.default_rng(0)
    x = np.tile(np.arange(-3.0, 3.1, 0.5), 16)
    sizes = np.repeat(np.arange(16.0), 13)[:, None] / 2
    losses = 1 + 0.0035 * x**2 * (1 + skew * np.tanh(x)) + rng.normal(0, 0.0005, len(x))
    return fit_response(Runs(x[:, None], sizes, np.zeros(len(x), dtype=int), losses))


def share_of_lopsided(surface: ResponseSurface) -> float:
    return sum(m.weight for m in surface.members if m.mode.lopsided)


def test_valleys_that_are_lopsided_near_the_optimum_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rungs together are known to ±.01 octaves where the shape is; the control errs by more."""
    found = lopsided(0.4)
    assert share_of_lopsided(found) > 0.8
    assert share_of_lopsided(lopsided(0.0)) < 0.5
    assert np.median(found.draws.optimum) == pytest.approx(0, abs=0.04)
    monkeypatch.setattr(mixture, "MOST_LOPSIDED", 0)
    control = lopsided(0.4)
    assert share_of_lopsided(control) == 0
    assert np.median(control.draws.optimum) < -0.045


def test_windows_with_the_same_runs_are_fitted_once() -> None:
    """On steep curves all windows keep the 3 (2 + 1) best runs of a rung, on flat ones all."""
    steep, flat = plane((0.0, 0.0), losses=1.0), plane((0.0, 0.0))
    for surface, count in ((steep, 1), (flat, 3)):
        assert len({id(m.problem.runs) for m in surface.members}) == count
        assert {m.window for m in surface.members} == set(WINDOWS)


@pytest.mark.parametrize(("highest", "ceiling"), [(0.1, 0.5), (0.8, 0.8), (9.0, 1.0)])
def test_no_setting_is_worse_than_a_model_that_does_not_train(
    highest: float, ceiling: float
) -> None:
    losses = np.array([0.02, 0.0, 0.02, highest, np.nan])
    runs = Runs(np.arange(5.0)[:, None], np.zeros((5, 1)), np.zeros(5, dtype=int), losses)
    surface = ResponseSurface(runs, ())
    assert surface.ceiling == pytest.approx(ceiling)
