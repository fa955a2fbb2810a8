"""What a study's notes say of its sizes and of its losses, and what they leave unsaid."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Answers, Question
from mutransfer_cli.surface.observation import Observation


def study(sizes: list[tuple[int, int]], level: float = 3.0, noise: float = 1e-3) -> Answers:
    """The answers of a bowl with its optimum at 2^-7, at some widths and batches."""
    rng = np.random.default_rng(0)
    return answer(
        [
            Observation(
                w, 2.0**x, 0, level + 0.05 * (x + 7) ** 2 + float(rng.normal(0, noise)), batch=b
            )
            for (w, b), x in product(sizes, range(-10, -3))
        ],
        Question(),
    )


def test_sizes_that_grow_together_are_named() -> None:
    along = study([(64, 16), (128, 32), (256, 64)])
    assert any("width and batch grow together" in note for note in along.notes)
    rates = product((1, 2, 4), range(-10, -3))
    all_sizes = answer(
        [
            Observation(64 * k, 2.0**x, 0, 3 + 0.05 * (x + 7) ** 2 + 1e-3 * ((7 * x + k) % 3),
                        batch=16 * k, steps=1000 * k, depth=2 * k)
            for k, x in rates
        ],
        Question(),
    ).notes  # fmt: skip
    assert [note for note in all_sizes if "grow together" in note] == [
        "width, depth, batch and steps grow together on all rungs, so their drifts cannot be told "
        "apart; a target at other proportions is an extrapolation"
    ]
    crossed = study([(64, 16), (128, 16), (128, 32)])
    assert not any("grow together" in note for note in crossed.notes)


def test_a_batch_at_equal_steps_is_named_with_the_examples() -> None:
    """Steps are 1,000 in all runs: nobody would find that they grow."""
    rng = np.random.default_rng(0)
    runs = [
        Observation(64, 2.0**x, 0, 3 + 0.05 * (x + 7) ** 2 + float(rng.normal(0, 1e-3)), batch=b,
                    steps=1000)
        for b, x in product((16, 32, 64), range(-10, -3))
    ]  # fmt: skip
    notes = answer(runs, Question()).notes
    assert any("have the same steps: the examples grow with the batch" in n for n in notes)
    assert not any("batch and steps grow together" in note for note in notes)


def test_losses_that_are_not_positive_are_named() -> None:
    """Costs are shares of what training gained: a loss of -2 has no meaningful percentage."""
    assert any("of what training gained" in note for note in study([(64, 16), (128, 16)], -2).notes)
    assert study([(64, 16), (128, 16)]).notes == ()


def test_equal_losses_are_no_end_of_a_range() -> None:
    rows = [Observation(w, 2.0**x, 0, 3.0) for w, x in product((64, 128), range(-10, -3))]
    found = answer(rows, Question())
    assert found.verdict == "inconclusive"
    assert "every run has the same loss" in found.reason and "end of the" not in found.reason
    varied = [replace(o, loss=3 + abs(np.log2(o.lr) + 7)) for o in rows]
    assert "same loss" not in answer(varied, Question()).reason
