"""What a further trial would say of the optimum, against formulas derived by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.surface.design.next_trials import (
    Candidates,
    Outlook,
    next_trials,
    optimum_gradient,
    outlook_of,
)
from mutransfer_cli.surface.response.fitting.mixture import Member
from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.linearization import Problem
from mutransfer_cli.surface.response.misfit import misfit_correlation
from mutransfer_cli.surface.response.mode import Mode
from mutransfer_cli.surface.response.noise_model import NoiseModel
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array, Runs
from mutransfer_cli.surface.response.trend import Trend

LAYOUT = Layout(rungs=1, hyperparameters=1, axes=1)
LEVEL, OPTIMUM = LAYOUT.slices["level"].start, LAYOUT.slices["optimum"].start
CURVATURE = 0.04  # L^2: the loss is 2 + 0.02 u^2
LEVEL_VARIANCE, OPTIMUM_VARIANCE, NOISE = 1e-4, 0.09, 0.01
HERE = np.zeros(1)


def member(rho: float, ran: tuple[float, ...] = (50.0,)) -> Member:
    """A parabola about 0 whose level and optimum are uncertain, and nothing else."""
    theta = np.zeros(LAYOUT.size)
    theta[LEVEL] = 2.0
    theta[LAYOUT.slices["scale"]] = np.log(CURVATURE) / 2
    theta[LAYOUT.slices["saturation"]] = theta[LAYOUT.slices["flattening"]] = 25.0  # T(q) = q
    covariance = np.zeros((LAYOUT.size, LAYOUT.size))
    covariance[LEVEL, LEVEL], covariance[OPTIMUM, OPTIMUM] = LEVEL_VARIANCE, OPTIMUM_VARIANCE
    settings = np.array(ran)[:, None]
    count = len(ran)
    runs = Runs(settings, np.zeros((count, 1)), np.arange(count), np.full(count, 2.0))
    noise = NoiseModel(np.full(1, NOISE), 0.0, np.ones(count), np.ones(count))
    problem = Problem(
        runs,
        runs.rung,
        np.zeros((1, 1)),
        Trend(np.zeros((1, 1))),
        LAYOUT,
        None,
        np.zeros((0, 1)),
        np.zeros(0, dtype=int),
    )
    departure = np.full(1, 0.07)
    mode = Mode(theta, covariance, 0.0, noise, departure, rho, False, 20.0, np.zeros(count))
    return Member(mode, 1.0, 0.25, problem)


def candidates(*offsets: float) -> Candidates:
    count = len(offsets)
    settings = np.array(offsets)[:, None]
    return Candidates(settings, np.zeros(count, dtype=int), np.ones(count))


def expected(rho: float, *offsets: float) -> Outlook:
    return outlook_of(member(rho), candidates(*offsets), HERE, 0)


ONE = np.ones((1, 1))


def test_what_one_trial_on_a_parabola_says() -> None:
    """By hand: y = level + L^2/2 (h - h*)^2, so dy/dh* = -L^2 u and dy/dlevel = 1.

    Its variance is v_level + L^4 u^2 v + s^2 and its covariance with h* is -L^2 u v.
    """
    u = np.array([-2.0, 0.0, 1.0, 3.0])
    slope = CURVATURE * u
    by_hand = (slope * OPTIMUM_VARIANCE) ** 2 / (
        LEVEL_VARIANCE + slope**2 * OPTIMUM_VARIANCE + NOISE**2
    )
    gain = expected(0.0, *u).gain(ONE)
    assert gain == pytest.approx(by_hand, rel=1e-6)
    assert gain[1] == 0  # the control: at the optimum the loss does not move with it


def test_trials_together_say_what_the_sum_of_information_says() -> None:
    """C^-1 grows by g g' / s^2 with every trial (normal linear model)."""
    chosen = [-1.5, 1.5, 2.5]
    outlook = expected(0.0, *chosen, 0.7)
    for index in range(3):
        outlook = outlook.after(index)
    information = np.diag([1 / LEVEL_VARIANCE, 1 / OPTIMUM_VARIANCE])
    for u in chosen:
        g = np.array([1.0, -CURVATURE * u])
        information += np.outer(g, g) / NOISE**2
    covariance = np.linalg.inv(information)
    g = np.array([1.0, -CURVATURE * 0.7])
    assert outlook.shared[0, 3] == pytest.approx((covariance @ g)[1], rel=1e-6)
    assert outlook.covariance[3, 3] == pytest.approx(g @ covariance @ g, rel=1e-6)


def test_a_repeat_brings_no_news_of_the_misfit() -> None:
    """By hand, with one run at the same setting: K the misfit's variance, s^2 the noise.

    What is left of the misfit is K s^2 / (K + s^2), and of the gradient g s^2 / (K + s^2).
    """
    u, rho = 2.0, 0.6
    excess = CURVATURE * u * u / 2
    one = np.array([[u]])
    size = np.zeros((1, 1))
    misfit = (rho * excess) ** 2 * float(misfit_correlation(one, one, size, size)[0, 0])
    left = NOISE**2 / (misfit + NOISE**2)
    again = outlook_of(member(rho, (u,)), candidates(u), HERE, 0)
    slope = -CURVATURE * u * left
    spread = left**2 * LEVEL_VARIANCE + slope**2 * OPTIMUM_VARIANCE
    assert again.covariance[0, 0] == pytest.approx(spread + misfit * left, rel=1e-6)
    assert again.shared[0, 0] == pytest.approx(slope * OPTIMUM_VARIANCE, rel=1e-6)
    elsewhere = expected(rho, u)  # the control: the only run is far away
    assert elsewhere.covariance[0, 0] > misfit
    assert elsewhere.gain(ONE)[0] > again.gain(ONE)[0]


def test_the_optimum_at_an_unseen_size_has_no_departure() -> None:
    """h*(z) = h0 + B z, and at a rung its own departure besides."""
    layout = Layout(rungs=2, hyperparameters=2, axes=1)
    unseen = optimum_gradient(layout, np.array([3.0]), None)
    at = layout.slices
    by_hand = np.zeros((2, layout.size))
    by_hand[0, at["optimum"].start] = by_hand[1, at["optimum"].start + 1] = 1
    by_hand[0, at["drift"].start] = by_hand[1, at["drift"].start + 1] = 3
    assert (unseen == by_hand).all()
    by_hand[0, at["departure"].start + 2] = by_hand[1, at["departure"].start + 3] = 1
    assert (optimum_gradient(layout, np.array([3.0]), 1) == by_hand).all()


def test_choice_by_gain_per_cost_within_the_budget() -> None:
    outlook = expected(0.0, -2.0, 2.0, 1.0)
    costs = np.array([1.0, 4.0, 1.0])
    assert next_trials([outlook], costs, ONE, 1, np.inf) == [0]
    assert set(next_trials([outlook], costs, ONE, 4, 3.0)) <= {0, 2}  # the second costs 4
    assert len(next_trials([outlook], costs, ONE, 9, 3.0)) == 3
    assert next_trials([outlook], costs, ONE, 3, 0.5) == []
    useless = expected(0.0, 0.0)
    assert next_trials([useless], np.ones(1), ONE, 3, np.inf) == []


def test_both_sides_are_tried_where_the_level_is_unknown() -> None:
    """Two trials on one side cannot tell a shift of the optimum from one of the level."""
    outlook = expected(0.0, -2.0, 2.0)
    outlook = replace(outlook, covariance=outlook.covariance + 1.0)  # the level is unknown
    assert sorted(next_trials([outlook], np.ones(2), ONE, 2, np.inf)) == [0, 1]


def test_a_trial_narrows_a_fitted_surface_as_foretold() -> None:
    """The posterior after the trial, with the mode held, is the one that was foretold."""
    before = member(0.0, (-2.0, -1.0, 1.0, 2.0))
    surface = ResponseSurface(before.problem.runs, (before,))
    assert surface.members[0].mode.covariance[OPTIMUM, OPTIMUM] == OPTIMUM_VARIANCE
    outlook = outlook_of(before, candidates(1.5), HERE, 0)
    reduced = OPTIMUM_VARIANCE - float(outlook.gain(ONE)[0])
    gradient: Array = np.zeros(LAYOUT.size)
    gradient[LEVEL], gradient[OPTIMUM] = 1.0, -CURVATURE * 1.5
    spread = before.mode.covariance @ gradient
    exact = before.mode.covariance - np.outer(spread, spread) / (gradient @ spread + NOISE**2)
    assert reduced == pytest.approx(exact[OPTIMUM, OPTIMUM], rel=1e-6)
