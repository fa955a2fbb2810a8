"""Predictions of ladders that show nothing at a target."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log2

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.prediction import predict
from tests.helpers.ladders import WIDTHS, ladder, runs_at

DECAYS = (0.01, 0.02, 0.04)
TARGET = {"width": 512.0, "depth": 2.0, "batch": 16.0, "steps": 100.0}


def at_widths(*widths: int) -> LadderRuns:
    """The ladder with its first rungs at other widths."""
    runs = ladder()
    every = sorted({o.width for o in runs.observations if o.width is not None})
    renamed = dict(zip(every, widths, strict=False))
    kept = tuple(
        replace(o, width=renamed[o.width]) for o in runs.observations if o.width in renamed
    )
    return replace(runs, observations=kept)


def test_what_is_predicted_is_not_inconclusive() -> None:
    assert predict(ladder(), TARGET, confidence=0.9).inconclusive is None


def test_one_width_asks_for_another() -> None:
    found = predict(at_widths(32), TARGET, confidence=0.9)
    assert found.inconclusive is not None
    assert "neither the loss nor the optimum is predicted" in found.inconclusive
    assert "the runs do not vary width" in found.inconclusive
    # two octaves above the smallest rung, and no farther than the target
    assert "run width 128" in found.inconclusive


def test_a_short_ladder_asks_for_an_octave() -> None:
    found = predict(at_widths(32, 36, 40, 48), TARGET, confidence=0.9)
    assert found.inconclusive is not None
    assert "less than one; run a rung at width 64 or more" in found.inconclusive


def test_two_rungs_far_from_the_target_ask_for_one_between() -> None:
    found = predict(at_widths(32, 64), {**TARGET, "width": 1024.0}, confidence=0.9)
    assert found.inconclusive is not None
    assert "a forecast of the loss needs 3 rungs" in found.inconclusive
    # the geometric mean of 64 and 1024
    assert "run a rung nearer the target: width 256" in found.inconclusive


def with_decay(best: float) -> LadderRuns:
    """Three rungs with a weight decay: 2 % are lost an octave, 8 % two octaves from the best."""
    runs = runs_at(WIDTHS[1:], rates=(-8.0, -7.0, -6.0, -5.0), seeds=1)
    every = tuple(
        replace(
            o, loss=o.loss * exp(0.02 * log2(decay / best) ** 2), params={"weight_decay": decay}
        )
        for o in runs
        if o.loss is not None
        for decay in DECAYS
    )
    return LadderRuns("ladder.csv", every, digest="0" * 64)


def test_a_hyperparameter_that_no_rung_resolves_is_inconclusive_as_in_fit() -> None:
    """The best decay is two octaves above the highest."""
    runs = with_decay(0.16)
    found = predict(runs, TARGET, confidence=0.9)
    assert found.inconclusive is not None
    assert "the optimum of weight_decay is not predicted" in found.inconclusive
    assert "run higher ones, such as 0.08" in found.inconclusive
    assert answer(runs.observations, Question(target=lambda rungs: TARGET)).reason.endswith(
        "run higher ones, such as 0.08"
    )


def test_a_hyperparameter_that_rungs_resolve_is_predicted() -> None:
    assert predict(with_decay(0.02), TARGET, confidence=0.9).inconclusive is None


def test_a_largest_rung_without_an_optimum_is_inconclusive() -> None:
    """Its runs contradict what the smaller rungs say of a target beyond it."""
    runs = ladder()
    lost = tuple(replace(o, loss=None) if o.width == 256 else o for o in runs.observations)
    said = predict(replace(runs, observations=lost), TARGET, confidence=0.9).inconclusive
    assert said is not None
    # the lowest rate that was run is 2^-9
    assert "at width 256, no run finished; run a lower learning rate than 0.00195" in said
