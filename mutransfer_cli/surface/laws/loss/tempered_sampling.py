"""Draws from a posterior: a population moved from the prior by a likelihood that sharpens.

Sequential Monte Carlo (Del Moral, Doucet, Jasra 2006): the likelihood's exponent grows from 0 to 1
in steps that half of the population survives; after each, the population is resampled and moved by
Metropolis steps along differences of its members (ter Braak 2006). Unlike draws from the prior that
are weighted once, it stays good where many precise data leave little of the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from mutransfer_cli.surface.laws.law_form import Array

SURVIVE = 0.5  # effective share of the population that a sharpening leaves
MOVES = 12  # Metropolis steps after each sharpening
JITTER = 1e-5  # sd of the noise on a step, in standard deviations of the prior
LONG_STEPS = 0.15  # probability of a step that carries one member to the mode of another
MOST_STAGES = 60
SMALLEST = 1e-9  # of a uniform coordinate, away from 0 and 1


@dataclass
class _Population:
    """Members in standard normal coordinates, shape (members, size), and their log likelihoods."""

    members: Array
    fit: Array


def tempered_draws(
    log_likelihood: Callable[[Array], Array], size: int, count_log2: int, seed: int
) -> Array:
    """Draws from a posterior under independent standard normal priors.

    Args:
        log_likelihood: Of parameters, shape (draws, size), with values of shape (draws,).
        size: Number of parameters.
        count_log2: Number of draws, as a power of 2.
        seed: Seed of the draws.

    Returns:
        Shape (draws, size).
    """
    from scipy.stats import qmc  # imported here: half a second

    unit = qmc.Sobol(size, seed=seed).random_base2(count_log2)
    members = special.ndtri(np.clip(unit, SMALLEST, 1 - SMALLEST))
    population = _Population(members, log_likelihood(members))
    rng = np.random.default_rng(seed)
    sharpness = 0.0
    for _ in range(MOST_STAGES):
        step = _sharpening(population.fit, 1 - sharpness)
        weights = special.softmax(step * population.fit)
        chosen = rng.choice(len(weights), size=len(weights), p=weights)
        population = _Population(population.members[chosen], population.fit[chosen])
        sharpness = min(1.0, sharpness + step)
        for _ in range(MOVES):
            _move(population, log_likelihood, sharpness, rng)
        if sharpness == 1.0:
            break
    return population.members


def _sharpening(fit: Array, most: float) -> float:
    """The step of the exponent that leaves the effective share `SURVIVE`, or the most."""

    def survivors(step: float) -> float:
        weights = special.softmax(step * fit)
        return float(1 / (weights**2).sum() / len(fit))

    if survivors(most) >= SURVIVE:
        return most
    low, high = 0.0, most
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if survivors(middle) >= SURVIVE else (low, middle)
    return high


def _move(
    population: _Population,
    log_likelihood: Callable[[Array], Array],
    sharpness: float,
    rng: np.random.Generator,
) -> None:
    """One Metropolis step of every member, along the difference of two others.

    Args:
        population: The members; moved in place.
        log_likelihood: The log likelihood.
        sharpness: Exponent of the likelihood.
        rng: Source of random numbers.
    """
    members, fit = population.members, population.fit
    count, size = members.shape
    one, other = rng.integers(count, size=(2, count))
    scale = np.where(rng.random(count) < LONG_STEPS, 1.0, 2.38 / np.sqrt(2 * size))
    proposed = members + scale[:, None] * (members[one] - members[other])
    proposed += JITTER * rng.standard_normal(members.shape) * scale[:, None]
    new = log_likelihood(proposed)
    gain = sharpness * (new - fit) + ((members**2).sum(1) - (proposed**2).sum(1)) / 2
    accepted = np.log(rng.random(count)) < gain
    members[accepted], fit[accepted] = proposed[accepted], new[accepted]
