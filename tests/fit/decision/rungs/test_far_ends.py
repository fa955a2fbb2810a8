"""Tests of answers beside hyperparameters that are best far beyond the values that were run."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2, tanh

import numpy as np
import pytest

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.surface.observation import Observation
from tests.benchmarks.far_ends import sweep as entangled_sweep

SLANT = 0.4  # octaves of the best learning rate per octave of batch


def sweep(beyond: float, batches: Sequence[float] = (12, 24, 48)) -> list[Observation]:
    """Three widths; the best batch is `beyond` octaves above the largest.

    At a batch b the best rate is 2^-8 (b / (48 · 2^beyond))^SLANT, the minimum of x².
    """
    rng = np.random.default_rng(3)
    runs = []
    for width in (128, 256, 512):
        for rate in range(-12, -4):
            for batch in batches:
                off = log2(batch / 48) - beyond
                x = rate + 8 - SLANT * off
                excess = 0.008 * x * x * (1 + 0.2 * tanh(x)) + 0.004 * off * off
                loss = 2.5 * np.exp(excess + 0.001 * rng.standard_normal())
                params = {"batch": float(batch)}
                runs.append(Observation(width, 2.0**rate, 0, loss, params=params))
    return runs


@pytest.mark.parametrize("beyond", [2.0, 3.0])
def test_answers_the_learning_rate_beside_the_end(beyond: float) -> None:
    """The choice is the last batch and the rate that is best beside it, far from the optimum."""
    found = answer(sweep(beyond), Question(target=lambda rungs: {"width": 1024.0}))
    assert found.choice is not None
    lr, batch = (found.choice.values[name] for name in ("lr", "batch"))
    assert (batch.value.value, batch.at_end) == (48, "high")
    best = -8 - SLANT * beyond
    assert lr.value.low is not None and lr.value.high is not None
    assert log2(lr.value.low) < best < log2(lr.value.high)
    assert log2(lr.value.high / lr.value.low) < 1.0
    assert found.choice.regret.high is None  # what a larger batch gains is not known
    assert found.verdict == "inconclusive"
    assert "the best batch is at the high end of the range; run higher ones, such as 96" in (
        found.reason
    )
    assert "all regrets are beside batch 48" in " ".join(found.notes)


def test_a_rate_that_the_surface_leaves_open_near_the_end() -> None:
    """Half an octave beyond, an entangled surface knows the rate to ±2 octaves; the end's runs do.

    The truth is the minimum of the planted parabola beside the largest batch.
    """
    runs, best = entangled_sweep(0.5, np.random.default_rng([4, 1]))
    found = answer(runs, Question(target=lambda rungs: {"width": 1024.0}))
    assert found.choice is not None
    lr = found.choice.values["lr"].value
    assert lr.low is not None and lr.high is not None
    assert log2(lr.low) < best < log2(lr.high) < best + 1


def test_uses_all_runs_near_the_end() -> None:
    """With the optimum at the last batch the surface over all runs answers, as inside the range."""
    found = answer(sweep(0.0), Question())
    assert found.fitted is not None and found.fitted.names == ("lr", "batch")
    assert found.choice is not None and found.choice.regret.high is not None
