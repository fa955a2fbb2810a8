"""What a budget buys, where the expected regret of a search can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array
from mutransfer_cli.surface.transfer.tuning_budget import TrialSize, TuningCurves, tuning_curves
from tests.surface.transfer.conftest import CURVATURE

BOX = (np.array([-2.0]), np.array([2.0]))


def curves(
    surface: ResponseSurface, budgets: list[float], box: tuple[Array, Array] = BOX
) -> TuningCurves:
    """The smallest rung is the proxy, at a cost of 1; the largest, at 64, the target."""
    proxies = [TrialSize(np.array([0.0]), 1.0)]
    return tuning_curves(surface, proxies, TrialSize(np.array([3.0]), 64.0), box, budgets)


def test_the_regret_of_a_few_equally_spaced_trials(still: ResponseSurface) -> None:
    # k equally spaced settings, shifted at random, in a box of 4 octaves: the nearest is uniformly
    # distributed within 2/k octaves of the optimum; mean u² = (2/k)²/3, regret = a/2 of that
    found = curves(still, [4.0, 64.0])
    assert found.trials == (4, 64)
    assert float(found.proxy[0].mean()) == pytest.approx(CURVATURE / 2 * 0.25 / 3, rel=0.2)
    # one trial at the target: mean u² = 2²/3
    assert float(found.direct[1].mean()) == pytest.approx(CURVATURE / 2 * 4 / 3, rel=0.1)
    assert np.isnan(found.direct[0]).all()


def test_without_drift_the_proxy_is_the_better_buy(still: ResponseSurface) -> None:
    found = curves(still, [64.0, 256.0])
    assert (found.proxy.mean(1) < found.direct.mean(1)).all()


def test_with_drift_direct_tuning_wins_in_the_end(drifting: ResponseSurface) -> None:
    # the proxy's optimum is 1.5 octaves off at the target: a/2 x 1.5² = .0225 however many trials
    box = (np.array([-3.5]), np.array([2.0]))
    found = curves(drifting, [64.0, 64.0 * 32], box)
    assert float(found.proxy[1].mean()) == pytest.approx(CURVATURE / 2 * 1.5**2, rel=0.15)
    assert float(found.direct[1].mean()) < 1e-3
    assert found.best_proxy == (0, 0)


def test_a_budget_below_one_trial_buys_nothing(still: ResponseSurface) -> None:
    found = curves(still, [0.5])
    assert found.best_proxy == (None,) and found.trials == (0,)
    assert np.isnan(found.proxy).all() and np.isnan(found.direct).all()
