"""How well an optimum is known, and what a ladder allows, against formulas derived by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.stats import norm

from mutransfer_cli.surface.bends import BEND
from mutransfer_cli.surface.design.goal import Goal, attainable, candidate_settings
from mutransfer_cli.surface.response.draws import inflation_of
from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
    fit_response,
)
from mutransfer_cli.surface.response.runs import Array, Runs

RUNGS = np.arange(4.0)


@pytest.fixture(scope="module")
def surface() -> ResponseSurface:
    """Parabolas about 0 on four rungs, with a little noise."""
    settings = np.tile(np.arange(-3.0, 4.0), 4)
    sizes = np.repeat(RUNGS, 7)
    noise = 0.001 * np.random.default_rng(0).standard_normal(28)
    losses = 1 - 0.1 * sizes + 0.02 * settings**2 + noise
    return fit_response(
        Runs(settings[:, None], sizes[:, None], np.zeros(28, dtype=np.int64), losses)
    )


def departure(surface: ResponseSurface) -> float:
    """Departure of a rung's optimum from the line, over the mixture."""
    weights = [member.weight for member in surface.members]
    squares = [float(member.mode.departure_sd[0]) ** 2 for member in surface.members]
    return float(np.sqrt(np.average(squares, weights=weights)))


def test_what_a_ladder_allows(surface: ResponseSurface) -> None:
    """By hand: a line through four points of sd d, at a distance t from their mean of 1.5.

    Its variance is d^2 (1/4 + t^2 / 5), as the squares of the distances -1.5 ... 1.5 add up to 5.
    A bend moves the points by 1/2, -1/2, -1/2, 1/2, which tell it to d, and the optimum by
    (t^2 - 5/4) / 2.
    """
    for size in (5.0, 6.0):
        d = departure(surface)
        bending = ((size - 1.5) ** 2 - 5 / 4) / 2 / np.sqrt(1 / d**2 + 1 / BEND**2)
        line = d**2 * (1 / 4 + (size - 1.5) ** 2 / 5)
        sd = np.sqrt(inflation_of(1) ** 2 * line + d**2 + bending**2)
        allowed = attainable(surface, np.array([size]))
        assert allowed[0] == pytest.approx(norm.ppf(0.95) * sd, rel=0.01)
    assert attainable(surface, np.array([3.0]))[0] == 0  # a rung can be known as well as one likes


def test_a_goal_is_reached_when_every_hyperparameter_is_known(surface: ResponseSurface) -> None:
    size = np.array([3.0])
    half = Goal(size, np.array([1.0])).half_widths(surface)[0]
    assert 0 < half < 0.5
    assert Goal(size, np.array([1.01 * half])).is_reached(surface)
    assert not Goal(size, np.array([0.99 * half])).is_reached(surface)
    assert Goal(size, np.array([np.inf])).is_reached(surface)


def test_a_regret_is_reached_when_its_upper_end_is(surface: ResponseSurface) -> None:
    size = np.array([3.0])
    upper = Goal(size, None, 1.0).regret_reached(surface)
    assert 0 < upper < 0.001
    assert Goal(size, None, 1.01 * upper).is_reached(surface)
    assert not Goal(size, None, 0.99 * upper).is_reached(surface)


def test_what_matters_of_the_optimum(surface: ResponseSurface) -> None:
    """For a regret, half the variance times the curvature: 0.04 of the parabolas above."""
    size = np.array([1.0])
    assert Goal(size, None, 0.001).importance(surface)[0, 0] == pytest.approx(0.04, rel=0.1)
    half = Goal(size, np.array([1.0])).half_widths(surface)[0]
    needed = Goal(size, np.array([half])).importance(surface)[0, 0]
    assert needed == pytest.approx((0.5 / half) ** 2)
    enough = Goal(size, np.array([4 * half])).importance(surface)[0, 0]
    assert enough < 1e-4 * needed  # what is known well enough earns nothing


@dataclass(frozen=True)
class Drawn:
    """A surface of which only draws at one size are known."""

    optimum: Array
    rung: int | None = None
    draws: object = field(default=None)

    def at(self, size: Array) -> Drawn:
        return self


def test_half_widths_are_of_the_ninety_percent_interval() -> None:
    """By hand: of the numbers 0 ... 100, the middle 90 % are 5 ... 95, 45 on either side."""
    drawn = Drawn(np.stack([np.arange(101.0), np.arange(101.0) / 10], axis=1))
    half = Goal(np.zeros(1), np.ones(2)).half_widths(drawn)  # type: ignore[arg-type]  # a stand-in
    assert half == pytest.approx([45.0, 4.5])


def test_candidates_fill_their_boxes() -> None:
    center = np.array([-7.0, 2.0])
    points = candidate_settings(center, (3.0, 1.0), 64, (1, 2))
    assert points.shape == (128, 2)
    for half, rows in ((3.0, points[:64]), (1.0, points[64:])):
        away = (rows - center) / half
        assert np.abs(away).max() <= 1
        quadrants = np.bincount((away > 0) @ np.array([1, 2]), minlength=4)
        assert (quadrants == 16).all()  # a Sobol sequence of 64 points has 16 in each quarter
    again = candidate_settings(center, (3.0, 1.0), 64, (1, 2))
    assert (again == points).all()
    assert (candidate_settings(center, (3.0, 1.0), 64, (1, 3)) != points).any()
