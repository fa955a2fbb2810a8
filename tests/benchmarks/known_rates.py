"""How often `probe predict-lr` holds a best learning rate that is known from a recursion.

`python -m tests.benchmarks.known_rates` prints, for 128 quadratics and 480 linear regressions, how
often the interval of the probe holds the best rate, how often it passes, and how often the interval
of the short runs alone would hold it. The training is simulated, at the steps, rates and seeds at
which the probe runs; the decisions are the probe's own functions. It takes half a CPU minute.

Quadratic, ½Σλw² from w = 1 with noise of variance s in every gradient: m ← (1 - ηλ)² m + η² s for
m = E[w²], without seeds. Regression on B normal inputs of d dimensions with label noise s, from 0,
the truth being ones: E|w - 1|² is multiplied by (1 - η)² + η²(d + 1)/B, since E[xxᵀ] = 1 and
E[x xᵀx xᵀ] = d + 2, and gains η² s² d/B; seeds draw inputs and labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.probes.estimates.best_rate import bracket, minimum
from mutransfer_cli.probes.estimates.calibration import calibrated
from mutransfer_cli.probes.predict_lr import CALIBRATION, judged, together
from mutransfer_cli.probes.trained_rates import OCTAVES, SHORT, evaluated, short_steps
from mutransfer_cli.train.schedule import Schedule
from tests.benchmarks.given_words import given_words

Array = NDArray[np.float64]

CONFIDENCE = 0.95
HUGE = 1e6  # a mode that has grown so far has diverged
OWN_RATE = 0.1  # of the recipe, about which the short runs lie
RATES = 2.0 ** np.arange(-14, 6, 1 / 32)  # among which the best rate is searched
SEEDS = 3
SCHEDULES = (
    Schedule("constant", warmup=0.0),
    Schedule("linear", warmup=0.1),
    Schedule("cosine", warmup=0.1),
    Schedule("wsd", warmup=0.1),
)
SPECTRA = ((1.0,), (1.0, 0.1), (1.0, 0.1, 0.01), tuple(i**-1.5 for i in range(1, 21)))
NOISES = (0.0, 1e-4, 1e-2, 1.0)
STEPS = (100, 500)
DIMENSIONS, BATCH, DRAWS = (5, 20), 100, 24
PAIRS = ((0.0, 20), (0.3, 60), (1.0, 60), (3.0, 60), (3.0, 300))  # label noise, steps


@dataclass(frozen=True)
class Answer:
    """What the probe says of a problem.

    Attributes:
        held: Whether its interval, or the side that it names, holds the best rate.
        passed: Whether it is decided.
        alone: Whether the interval of the short runs holds it.
    """

    held: bool
    passed: bool
    alone: bool


def answered(
    short: Callable[[float], Sequence[float]],
    whole: Callable[[float], Sequence[float]],
    best: float,
) -> Answer:
    """The probe's decision on the losses of its runs.

    Args:
        short: Losses of every seed, by rate, after a tenth of the steps.
        whole: The same after all steps.
        best: The best rate.
    """
    losses = {OWN_RATE * 2.0**k: short(OWN_RATE * 2.0**k)[0] for k in OCTAVES}
    finite = {rate: loss for rate, loss in losses.items() if isfinite(loss)}
    estimate = calibrated(minimum(finite), CALIBRATION[SHORT], CONFIDENCE)
    found = bracket(whole, estimate)
    verdict, _, _ = judged(SHORT, estimate, found, thorough=True)
    low, high = found.low or 0.0, found.high or inf
    if found.low is not None and found.high is not None:
        both = together(estimate, found)
        low, high = both.low or 0.0, both.high or inf
    alone = (estimate.low or 0.0) <= best <= (estimate.high or inf)
    return Answer(low <= best <= high, verdict == "pass", alone)


def best_of(loss: Callable[[Array], Array]) -> float:
    """The rate of lowest expected loss.

    Args:
        loss: Expected loss by rate.
    """
    return float(RATES[np.argmin(loss(RATES))])


def factors_of(schedule: Schedule, steps: int) -> list[float]:
    """What the rate of every step is multiplied by."""
    return [schedule.lr_factor(step, steps) for step in range(steps)]


def quadratic(
    factors: Sequence[float], spectrum: Sequence[float], noise: float, rates: Array
) -> Array:
    """Expected loss after a step for each factor; infinite where it diverges.

    Args:
        factors: What the rate is multiplied by, step by step.
        spectrum: Every λ.
        noise: Variance of every entry of a gradient.
        rates: Learning rates, shape (rates,).
    """
    modes = np.array(spectrum)
    second = np.ones((len(rates), len(modes)))
    for factor in factors:
        step = factor * rates[:, None]
        second = np.minimum((1 - step * modes) ** 2 * second + step**2 * noise, HUGE)
    return np.where(second.max(1) < HUGE, 0.5 * second @ modes, inf)


def quadratics() -> Iterator[Answer]:
    """The answer on every quadratic."""
    for modes, noise, schedule, steps in product(SPECTRA, NOISES, SCHEDULES, STEPS):
        factors = factors_of(schedule, steps)
        whole = partial(quadratic, factors, modes, noise)
        short = partial(quadratic, factors[: short_steps(steps)], modes, noise)
        yield answered(single(short), single(whole), best_of(whole))


def single(loss: Callable[[Array], Array]) -> Callable[[float], Sequence[float]]:
    """The loss of one rate, as that of a single seed, from a loss of many."""
    return lambda rate: [float(loss(np.array([rate]))[0])]


def expected_distance(
    factors: Sequence[float], dimensions: int, noise: float, rates: Array
) -> Array:
    """E|w - 1|² of a regression after a step for each factor.

    Args:
        factors: What the rate is multiplied by, step by step.
        dimensions: d.
        noise: Of the labels.
        rates: Learning rates, shape (rates,).
    """
    distance = np.full_like(rates, dimensions)
    for factor in factors:
        step = factor * rates
        shrunk = (1 - step) ** 2 + step**2 * (dimensions + 1) / BATCH
        distance = np.minimum(shrunk * distance + step**2 * noise**2 * dimensions / BATCH, HUGE)
    return distance


def trained_losses(
    factors: Sequence[float], dimensions: int, noise: float, seeds: Sequence[int], rate: float
) -> list[float]:
    """Losses of regressions on unseen examples after a step for each factor.

    Args:
        factors: What the rate is multiplied by, step by step.
        dimensions: d.
        noise: Of the labels.
        seeds: Of the runs; all rates see the same examples.
        rate: The learning rate.
    """
    losses = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(evaluated(BATCH) * BATCH, dimensions))
        unseen, labels = x, x.sum(1) + noise * rng.normal(size=len(x))
        w = np.zeros(dimensions)
        for factor in factors:
            x = rng.normal(size=(BATCH, dimensions))
            error = x @ (w - 1) - noise * rng.normal(size=BATCH)
            w = w - rate * factor * x.T @ error / BATCH
        loss = float(((unseen @ w - labels) ** 2).mean()) / 2
        losses.append(loss if loss < HUGE else inf)
    return losses


def regressions() -> Iterator[Answer]:
    """The answer on every draw of every linear regression."""
    for d, schedule, (noise, steps), draw in product(
        DIMENSIONS, SCHEDULES[:2], PAIRS, range(DRAWS)
    ):
        factors = factors_of(schedule, steps)
        seeds = range(SEEDS * draw, SEEDS * (draw + 1))
        short = partial(trained_losses, factors[: short_steps(steps)], d, noise, seeds[:1])
        whole = partial(trained_losses, factors, d, noise, seeds)
        best = best_of(partial(expected_distance, factors, d, noise))
        yield answered(short, whole, best)


def main() -> None:
    """Print a line for each kind of problem."""
    given_words(__doc__)
    for name, found in (("quadratics", quadratics()), ("linear regressions", regressions())):
        answers = list(found)
        held, passed, alone = (
            sum(getattr(a, field) for a in answers) for field in ("held", "passed", "alone")
        )
        print(
            f"{name}: {held} of {len(answers)} hold the best rate, {passed} pass; short runs alone "
            f"would hold it in {alone}",
            flush=True,
        )


if __name__ == "__main__":
    main()
