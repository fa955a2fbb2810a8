"""A search of one hyperparameter at a time answers the learning rate on its own line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Answers, Question
from mutransfer_cli.surface.observation import Observation

NAMES = ("weight_decay", "init_std", "logit_multiplier")
START = (-3.0, -2.0, 0.0)  # log2 of the recipe's values
CHOSEN = (-3.0, -2.0, 1.0)  # and of those that the search goes on with


def loss(width: int, x: float, others: tuple[float, ...]) -> float:
    """The best rate is 2^-5 beside the chosen values; the others are flat and open to one side."""
    decay, init, logit = others
    ridge = x + 5 + 0.8 * (logit - 1) + 0.6 * (init + 2)
    return float(
        0.8 + 10 / width + 0.03 * ridge**2 + 0.002 * (decay - 4) ** 2 / 10 - 0.01 * np.tanh(logit)
    )


def run(
    rng: np.random.Generator, width: int, x: float, others: tuple[float, ...], noise: float
) -> Observation:
    params = {name: 2.0**value for name, value in zip(NAMES, others, strict=True)}
    value = float(np.exp(loss(width, x, others) + rng.normal(0, noise)))
    return Observation(width, 2.0**x, 0, value, params=params)


def one_at_a_time(noise: float = 0.03) -> list[Observation]:
    """A line of each hyperparameter at width 16, then the learning rate at all widths."""
    rng = np.random.default_rng(3)
    runs = [run(rng, 16, x, START, noise) for x in range(-9, -1)]
    for j in range(len(NAMES)):
        for step in range(-3, 4):
            values = list(START)
            values[j] += step
            runs.append(run(rng, 16, -4.0, (values[0], values[1], values[2]), noise))
    return runs + [run(rng, w, x, CHOSEN, noise) for w in (16, 32, 64) for x in range(-9, -1)]


def drawn(seed: int = 0, noise: float = 0.003) -> list[Observation]:
    """Forty settings a width, of all hyperparameters at once, about an optimum inside."""
    rng = np.random.default_rng(seed)
    runs = []
    for width in (16, 32, 64):
        for x, decay, init, logit in rng.uniform(-3, 3, (40, 4)):
            params = dict(zip(NAMES, 2.0 ** np.array([decay, init, logit]), strict=True))
            squares = 0.03 * (x**2 + decay**2 + init**2 + logit**2)
            value = float(np.exp(0.8 + squares + rng.normal(0, noise)))
            runs.append(Observation(width, 2.0**x, 0, value, params=params))
    return runs


def asked(observations: list[Observation], answer: Callable[..., Answers] = answer) -> Answers:
    return answer(observations, Question())


def test_the_rate_is_answered_beside_the_values_of_the_larger_rungs() -> None:
    found = asked(one_at_a_time())
    assert found.choice is not None
    for rung in found.rungs:
        assert rung.optimum is not None
        best = rung.optimum["lr"]
        assert best.low is not None and best.high is not None
        assert best.low < 2.0**-5 < best.high
        assert np.log2(best.value) == pytest.approx(-5, abs=0.6)
    values = found.choice.hyperparameters
    expected = {name: 2.0**x for name, x in zip(NAMES, CHOSEN, strict=True)}
    assert {name: values[name] for name in NAMES} == pytest.approx(expected)


def test_each_other_hyperparameter_is_told_by_its_line() -> None:
    notes = " ".join(asked(one_at_a_time()).notes)
    for name in NAMES:
        assert f"{name} " in notes
    assert "is that of the larger rungs; at width 16" in notes


def test_the_runs_off_the_line_are_counted_as_ignored() -> None:
    """Width 16 has 8 runs at the starting values, and 21 on the other lines; one of these is at
    the chosen values (logit_multiplier one step up, lr 2^-4)."""
    (ignored,) = asked(one_at_a_time()).ignored
    assert ignored.count == 8 + 21 - 1
    assert "beside which the learning rate is answered" in ignored.reason


def test_a_search_of_all_hyperparameters_at_once_is_not_cut_to_a_line() -> None:
    found = asked(drawn())
    assert not found.ignored
    assert found.choice is not None
    assert all(abs(np.log2(x)) < 0.5 for x in found.choice.hyperparameters.values())


def test_a_line_that_holds_all_runs_is_answered_once() -> None:
    """Rates that are best at the end of their range, beside one value of another hyperparameter."""
    runs = [
        Observation(width, 2.0**x, 0, 3 - 0.1 * x + 1 / width, params={"init_std": 0.5})
        for width in (16, 32)
        for x in range(-9, -4)
    ]
    runs += [Observation(16, 2.0**-6, 0, 4.0, params={"init_std": 0.0})]
    found = asked(runs)
    assert found.verdict == "inconclusive" and "high end of the range" in found.reason
