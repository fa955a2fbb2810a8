from __future__ import annotations

from itertools import product
from math import log2

import numpy as np
import pytest

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.surface.observation import Observation

SLANT = 0.5  # octaves of the learning rate per octave of the batch


def searched(batches: range, best_batch: float) -> list[Observation]:
    """log loss .8 + .01 (x - SLANT·v)² + .006 v²: x and v octaves from lr 2^-7 and the batch."""
    rng = np.random.default_rng(0)
    return [
        Observation(
            w,
            2.0**y,
            0,
            float(
                np.exp(
                    0.8
                    + 0.01 * (y + 7 - SLANT * (b - best_batch)) ** 2
                    + 0.006 * (b - best_batch) ** 2
                    + 5e-4 * rng.normal()
                )
            ),
            params={"batch": 2.0**b},
        )
        for w, y, b in product((64, 128, 256), range(-12, -4), batches)
    ]


def test_the_learning_rate_is_the_best_beside_a_batch_at_its_end() -> None:
    """At batch 2^7, two octaves below the best, it is 2^(-7 - 2·SLANT) = 2^-8, not 2^-7."""
    choice = answer(
        searched(range(4, 8), best_batch=9.0), Question(target=lambda rungs: {"width": 512})
    ).choice
    assert choice is not None
    lr, batch = choice.values["lr"].value, choice.values["batch"].value
    assert batch.value == 2**7 and batch.low is None
    assert lr.low is not None and lr.high is not None
    assert log2(lr.value) == pytest.approx(-8, abs=0.2)
    assert log2(lr.low) < -8 < log2(lr.high)


def test_the_control_whose_best_batch_was_run() -> None:
    choice = answer(
        searched(range(7, 13), best_batch=10.0), Question(target=lambda rungs: {"width": 256})
    ).choice
    assert choice is not None and choice.values["batch"].at_end is None
    assert log2(choice.values["lr"].value.value) == pytest.approx(-7, abs=0.1)
    assert log2(choice.values["batch"].value.value) == pytest.approx(10, abs=0.15)
