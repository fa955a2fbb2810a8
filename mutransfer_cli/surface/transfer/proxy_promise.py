"""What a sweep of one proxy promises for a target: the regret there of the optimum that it finds.

On each draw of the surface the proxy has its optimum and the target has its own. A sweep finds the
former with an error, whose covariance is that of the response surface fitted to the planned trials
(Laplace's approximation at the surface's own shape and noise, widened like that of every fit). The
promise is the upper end of the regret at the target of the setting that is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log2

import numpy as np

from mutransfer_cli.surface.design.next_trials import optimum_gradient
from mutransfer_cli.surface.response.draws import inflation_of
from mutransfer_cli.surface.response.fitting.mixture import Member
from mutransfer_cli.surface.response.fitting.window import seed_matrix
from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.linearization import Linearization, Problem
from mutransfer_cli.surface.response.noise_model import NoiseModel
from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
    excess_at,
)
from mutransfer_cli.surface.response.runs import Array, Runs
from mutransfer_cli.surface.response.trend import Trend

HALF = 2.0  # octaves on each side of the predicted optimum that a sweep covers
STEP = 0.5  # octaves between the rates of a sweep of one hyperparameter
SEEDS = 2
# parameters by rung or by size
OF_RUNGS = {"level", "drift", "departure", "growth", "unevenness"}
OF_RUNGS |= {"wall_growth", "wall_departure"}
POINTS = 16  # quasi-random settings per hyperparameter where there are several, up to a power of 2
SEED = 7


@dataclass(frozen=True)
class Design:
    """The trials of a sweep of one rung.

    Attributes:
        offsets: Settings about the predicted optimum, in octaves, shape (settings, p).
        seeds: Runs of each setting.
    """

    offsets: Array
    seeds: int

    @property
    def trials(self) -> int:
        """Number of runs."""
        return len(self.offsets) * self.seeds


def standard_design(hyperparameters: int) -> Design:
    """A half-octave grid with two seeds, or quasi-random points for several hyperparameters.

    Args:
        hyperparameters: Their number.
    """
    if hyperparameters == 1:
        return Design(np.arange(-HALF, HALF + STEP / 2, STEP)[:, None], SEEDS)
    from scipy.stats import qmc  # imported here: half a second

    power = ceil(log2(POINTS * hyperparameters))
    unit = qmc.Sobol(hyperparameters, seed=SEED).random_base2(power)
    return Design(np.asarray((2 * unit - 1) * HALF), 1)


def promised_regret(
    surface: ResponseSurface, proxy: Array, target: Array, design: Design, drift_sd: float = 0.0
) -> Array:
    """Draws of the regret at the target of the optimum that a sweep of the proxy finds.

    Args:
        surface: The surface.
        proxy: Size of the proxy in octaves, shape (axes,).
        target: Size of the target in octaves, shape (axes,).
        design: The trials of the sweep.
        drift_sd: Standard deviation in octaves of the optimum's move between proxy and target along
            axes that the surface does not have.
    """
    optimum = surface.at(proxy).optimum
    rng = np.random.default_rng(SEED)
    root = np.linalg.cholesky(found_covariance(surface, proxy, design))
    error = inflation_of(optimum.shape[1]) * rng.standard_normal(optimum.shape) @ root.T
    there = surface.at(target)
    moved = there.optimum + drift_sd * rng.standard_normal(optimum.shape)
    return excess_at(surface.draws, replace(there, optimum=moved), optimum + error)


def found_covariance(surface: ResponseSurface, proxy: Array, design: Design) -> Array:
    """Covariance of the optimum that a sweep of the proxy finds, shape (p, p).

    Args:
        surface: The surface.
        proxy: Size of the proxy in octaves, shape (axes,).
        design: The trials of the sweep.
    """
    covariances = [_of_member(surface, member, proxy, design) for member in surface.members]
    weights = [member.weight for member in surface.members]
    return np.asarray(np.average(covariances, axis=0, weights=weights))


def _of_member(surface: ResponseSurface, member: Member, proxy: Array, design: Design) -> Array:
    """The covariance by one fit of the mixture.

    Args:
        surface: The surface.
        member: The fit.
        proxy: Size of the proxy in octaves, shape (axes,).
        design: The trials of the sweep.
    """
    p, k = surface.runs.hyperparameters, surface.runs.axes
    layout = Layout(1, p, k, walls=member.problem.layout.walls)
    theta = _theta_of_rung(member, surface.rungs, proxy, layout)
    seeds = np.repeat(np.arange(design.seeds), len(design.offsets))
    settings = np.tile(design.offsets, (design.seeds, 1)) + theta[layout.slices["optimum"]]
    runs = Runs(settings, np.tile(proxy, (len(settings), 1)), seeds, np.zeros(len(settings)))
    nearest = int(np.argmin(((surface.rungs - proxy) ** 2).sum(1)))
    noise = NoiseModel(
        member.mode.noise.sigma[[nearest]], member.mode.noise.omega, runs.counts, runs.counts
    )
    problem = Problem(
        runs=runs,
        rung=runs.rung,
        sizes=np.zeros((1, k)),
        trend=Trend(np.zeros((1, k))),
        layout=layout,
        same_seed=seed_matrix(runs),
        diverged=np.zeros((0, p)),
        diverged_rung=np.zeros(0, dtype=np.intp),
    )
    mean, sd = layout.prior(theta)
    here = Linearization.at(problem, theta, noise, member.mode.rho, mean, sd)
    gradient = optimum_gradient(layout, np.zeros(k), 0)
    return np.asarray(gradient @ here.posterior @ gradient.T)


def _theta_of_rung(member: Member, rungs: Array, proxy: Array, layout: Layout) -> Array:
    """The parameters of a fit of one rung alone that has the shape of the whole surface.

    Args:
        member: A fit of the surface.
        rungs: Sizes of its rungs in octaves, shape (rungs, axes).
        proxy: Size of the rung in octaves, shape (axes,).
        layout: The order of the parameters of a fit of one rung.
    """
    source, own = member.problem.layout, layout.slices
    theta, z = member.mode.theta, proxy - rungs.mean(0)
    trend = member.problem.trend.at(proxy)
    result = np.zeros(layout.size)
    drift = theta[source.slices["drift"]].reshape(layout.hyperparameters, layout.axes)
    result[own["optimum"]] = theta[source.slices["optimum"]] + drift @ trend
    result[own["unevenness"]] = theta[source.slices["growth"]] @ z
    if layout.walls:
        result[own["wall_departure"]] = theta[source.slices["wall_growth"]] @ z
    for name in own.keys() - OF_RUNGS - {"optimum"}:
        result[own[name]] = theta[source.slices[name]]
    return result


def cheapest(costs: Sequence[float], promises: Sequence[float], tolerance: float) -> int | None:
    """Index of the cheapest proxy whose promise is within the tolerance; None if there is none.

    Args:
        costs: What the sweep of each proxy costs.
        promises: Upper end of the regret that each promises.
        tolerance: Largest regret.
    """
    kept = [i for i, promise in enumerate(promises) if promise <= tolerance]
    return min(kept, key=lambda i: costs[i], default=None)
