"""A pilot revises the optimum: towards where its losses are lowest, as far as they can say."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.forecast.pilot import (
    PilotRuns,
    pilot_weights,
    revised_by,
)
from mutransfer_cli.surface.response.response_surface import ResponseSurface, fit_response
from mutransfer_cli.surface.response.runs import Runs

TARGET = np.array([8.0])


@pytest.fixture(scope="module")
def surface() -> ResponseSurface:
    """Parabolas about -6 at sizes 5, 6 and 7: 0.02 above the optimum for each octave squared."""
    rng = np.random.default_rng(0)
    rates = np.arange(-9.0, -2.0)
    settings = np.tile(rates, 6)[:, None]
    sizes = np.repeat([5.0, 6.0, 7.0], 14)[:, None]
    seeds = np.tile(np.repeat([0, 1], 7), 3)
    losses = 0.7 - 0.1 * sizes[:, 0] + 0.02 * (settings[:, 0] + 6) ** 2
    return fit_response(Runs(settings, sizes, seeds, losses + rng.normal(0, 1e-3, len(losses))))


def pilot(optimum: float, shift: float = 0.0, sd: float = 0.0) -> PilotRuns:
    """Three rates an octave apart on the same parabola about an optimum, at another level."""
    rates = np.array([-7.0, -6.0, -5.0])
    losses = 1.3 + 0.02 * (rates - optimum) ** 2
    return PilotRuns(rates[:, None], losses, np.array([shift]), np.array([sd]))


def median_and_width(surface: ResponseSurface) -> tuple[float, float]:
    low, middle, high = np.quantile(surface.at(TARGET).optimum[:, 0], [0.05, 0.5, 0.95])
    return float(middle), float(high - low) / 2


def test_the_optimum_moves_towards_the_pilot_s(surface: ResponseSurface) -> None:
    before, width = median_and_width(surface)
    assert before == pytest.approx(-6, abs=0.1)
    moved, narrower = median_and_width(revised_by(surface, TARGET, pilot(-5.75)))
    assert before < moved <= -5.7
    assert narrower < width


def test_a_shift_is_taken_off(surface: ResponseSurface) -> None:
    # the pilot's optimum -5 is one octave above the target's, so it confirms -6
    confirmed, _ = median_and_width(revised_by(surface, TARGET, pilot(-5.0, shift=1.0)))
    assert confirmed == pytest.approx(-6, abs=0.07)


def test_an_uncertain_shift_says_less(surface: ResponseSurface) -> None:
    before, width = median_and_width(surface)
    certain, _ = median_and_width(revised_by(surface, TARGET, pilot(-5.75)))
    vague, vague_width = median_and_width(revised_by(surface, TARGET, pilot(-5.75, sd=3.0)))
    assert abs(vague - before) < abs(certain - before) / 2
    assert vague_width == pytest.approx(width, rel=0.2)


def test_the_level_of_short_runs_does_not_matter(surface: ResponseSurface) -> None:
    runs = pilot(-5.75)
    higher = PilotRuns(runs.settings, runs.losses + 2, runs.shift, runs.shift_sd)
    some, others = (pilot_weights(surface, TARGET, p) for p in (runs, higher))
    assert some == pytest.approx(others, rel=1e-6)
