"""Outliers are runs that others contradict."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.fit.study.outliers import absurdly_low, exploded, outliers
from mutransfer_cli.fit.study.study_runs import study_runs
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import fit_response
from mutransfer_cli.surface.response.runs import Array, Runs

RATES = np.arange(-3.0, 4.0)


def ladder(*changed: tuple[int, float]) -> Runs:
    """Three rungs with two seeds of .02 u² + noise of .001; some losses changed by an amount."""
    rng = np.random.default_rng(2)
    losses: Array = np.tile(0.02 * RATES**2, 6) + 0.001 * rng.standard_normal(42)
    for index, amount in changed:
        losses[index] += amount
    return Runs(
        np.tile(RATES, 6)[:, None],
        np.repeat([0.0, 1.0, 2.0], 14)[:, None],
        np.tile(np.repeat([0, 1], 7), 3),
        losses,
    )


@pytest.mark.parametrize("index", [2, 3, 4, 17])
def test_a_crashed_run_is_found(index: int) -> None:
    assert np.flatnonzero(outliers(fit_response(ladder((index, 0.5))))).tolist() == [index]


def test_what_is_no_outlier() -> None:
    assert not outliers(fit_response(ladder())).any()
    # the same at another seed and on every rung: a property of the rate
    ridge = [(3 + 7 * k, 0.3) for k in range(6)]
    assert not outliers(fit_response(ladder(*ridge))).any()
    # nothing farther out is better: a cliff
    assert not outliers(fit_response(ladder((6, 0.5), (13, 0.5)))).any()


def test_an_absurdly_low_loss() -> None:
    assert np.flatnonzero(absurdly_low(ladder((3, -2.0)))).tolist() == [3]
    assert not absurdly_low(ladder()).any()


def rung(*losses: float) -> list[Observation]:
    """Runs at octaves of the learning rate."""
    return [Observation(64, 2.0 ** (i - 10), 0, loss) for i, loss in enumerate(losses)]


@pytest.mark.parametrize(
    ("losses", "found"),
    [
        ((4.0, 3.3, 3.2, 7.6, 12.0), {3, 4}),
        ((4.0, 3.3, 3.2, 3.9, 7.8, 59.0), {4, 5}),
        ((4.0, 3.3, 3.2, 4.4, 5.6, 6.8), set()),  # a slope, without a jump
        ((4.0, 3.3, 3.2, 6.1), set()),  # less than twice the best
        ((4.0, 3.2, 7.6, 12.0), set()),  # two values would be left, which bracket nothing
        ((4.0, 3.3, 3.2, 7.6, 3.4), set()),  # no cliff: the next rate is good (an outlier)
        ((9.0, 3.3, 3.2, 3.3), set()),  # below the optimum nothing diverges
    ],
)
def test_losses_beyond_a_jump_are_of_diverged_runs(
    losses: tuple[float, ...], found: set[int]
) -> None:
    runs = rung(*losses)
    assert exploded(runs, [range(len(runs))]) == found


def valleys() -> list[Observation]:
    """Best at 2^-8, -8.5, -9; two octaves above, the loss of a run that blew up."""
    rng, runs = np.random.default_rng(3), []
    for k, width in enumerate((128, 256, 512)):
        for x in range(-12, -4):
            u = x + 8 + 0.5 * k
            loss = float(np.exp(np.log(3 - 0.2 * k) + 0.02 * u**2 + 0.002 * rng.normal()))
            runs.append(Observation(width, 2.0**x, 0, loss if u < 1.9 else 7.5 + rng.random()))
    return runs


def test_the_optimum_does_not_follow_the_cliff() -> None:
    found = answer(valleys(), Question())
    for k, answered in enumerate(found.rungs):
        assert answered.optimum is not None
        best = answered.optimum["lr"]
        assert best.low is not None and best.high is not None
        assert best.low <= 2.0 ** (-8 - 0.5 * k) <= best.high
        assert abs(log2(best.value) + 8 + 0.5 * k) < 0.25
        assert answered.loss == pytest.approx(3 - 0.2 * k, rel=0.01)
    assert any("count as diverged: the loss jumps" in note for note in found.notes)


def test_nothing_is_said_where_no_run_exploded() -> None:
    tame = [o for o in valleys() if o.loss is not None and o.loss < 7]
    assert not any("jumps" in note for note in answer(tame, Question()).notes)


def test_several_hyperparameters_jump_along_the_rate() -> None:
    """Three decays, each with the cliff of `valleys`; without it nothing counts as diverged."""
    runs = [
        replace(o, params={"weight_decay": decay}, loss=None if o.loss is None else o.loss + decay)
        for o in valleys()
        for decay in (0.01, 0.03, 0.1)
    ]
    blown = sum(o.loss is not None and o.loss > 7 for o in runs)
    assert study_runs(runs).exploded == blown == 3 * (2 + 2 + 3)
    assert study_runs([o for o in runs if o.loss is not None and o.loss < 7]).exploded == 0
