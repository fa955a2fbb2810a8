"""Predictions of ladders that show nothing at a target."""

from __future__ import annotations

from dataclasses import replace

from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.prediction import predict
from tests.helpers.ladders import ladder

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
