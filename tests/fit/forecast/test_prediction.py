"""Predictions on ladders whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import pytest

from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.prediction import forecast_runs, predict, target_sizes
from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.load import loads
from tests.helpers.ladders import LENGTHS, WIDTHS, ladder, runs_at, true_loss, true_optimum
from tests.helpers.run_directories import RECIPE

TARGET = {"width": 512.0, "depth": 2.0, "batch": 16.0, "steps": 100.0}


def bounds(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None and interval.low is not None and interval.high is not None
    return interval.low, interval.high


@pytest.fixture(scope="module")
def predicted() -> PredictDocument:
    return predict(ladder(), TARGET, confidence=0.9)


def test_the_truth_is_inside(predicted: PredictDocument) -> None:
    low, high = bounds(predicted.optimum["lr"])
    assert log2(low) < true_optimum(512) < log2(high)
    assert log2(high / low) / 2 < 0.5
    low, high = bounds(predicted.loss)
    assert low < true_loss(512) < high  # 1 + 2/4 + 0.5 = 2.0
    assert (high - low) / 2 < 0.1
    assert predicted.distance == 1.0
    assert predicted.reason is None
    assert predicted.target == {"width": 512, "depth": 2, "batch": 16, "steps": 100}


def test_the_choice_is_inside_its_interval_and_cheap(predicted: PredictDocument) -> None:
    low, high = bounds(predicted.optimum["lr"])
    assert low < predicted.optimum["lr"].value < high
    # 2 % for an octave: a quarter of an octave costs 0.125 %
    assert bounds(predicted.regret)[1] < 0.01
    assert bounds(predicted.regret)[0] >= 0


def test_intervals_grow_with_distance_and_confidence(predicted: PredictDocument) -> None:
    farther = predict(ladder(), {**TARGET, "width": 2048.0}, confidence=0.9)
    surer = predict(ladder(), TARGET, confidence=0.99)
    for name in ("loss", "regret"):
        low, high = bounds(getattr(predicted, name))
        for other in (farther, surer):
            assert bounds(getattr(other, name))[1] - bounds(getattr(other, name))[0] > high - low
    assert farther.distance == 3.0


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"width": 4096.0}, "4 octaves beyond the runs in width, which span 3"),
        ({"steps": 1600.0}, "the runs do not vary steps"),
    ],
)
def test_beyond_what_the_ladder_supports(target: dict[str, float], reason: str) -> None:
    found = predict(ladder(), {**TARGET, **target})
    assert found.optimum["lr"].low is None and found.optimum["lr"].high is None
    assert found.optimum["lr"].value > 0
    assert bounds(found.regret)[1] > 0  # the regret has its interval nevertheless
    assert found.reason is not None and reason in found.reason


def test_a_rule_that_no_run_tests_costs_more() -> None:
    known = bounds(predict(ladder(), TARGET).regret)[1]
    assumed = bounds(predict(ladder(), {**TARGET, "steps": 1600.0}).regret)[1]
    # the optimum may move by a quarter of an octave per octave: one octave, 2 %, at one sigma
    assert assumed > max(4 * known, 0.02)


def test_two_axes_are_followed() -> None:
    target = {**TARGET, "width": 256.0, "steps": 200.0}
    found = predict(ladder(LENGTHS), target, confidence=0.9)
    low, high = bounds(found.optimum["lr"])
    assert log2(low) < true_optimum(256, 200) < log2(high)
    assert found.reason is None


def test_a_rate_outside_those_that_were_tried_is_noted() -> None:
    # the optimum falls by half an octave per octave of steps: from -6 at 100 to -7 at 400
    rates = tuple(-6.6 + 0.5 * i for i in range(8))
    runs = replace(ladder(), observations=runs_at([(32, 25), (32, 50), (32, 100)], rates=rates))
    notes = predict(runs, {**TARGET, "width": 32.0, "steps": 400.0}).notes
    assert any("outside the values at which runs finished, 0.01031 to" in n for n in notes)
    assert not any("outside" in note for note in predict(ladder(), TARGET).notes)


def test_optima_at_the_end_of_the_range_are_inconclusive() -> None:
    runs = replace(ladder(), observations=runs_at(WIDTHS, rates=(-6.0, -5.0, -4.0, -3.0)))
    with pytest.raises(Inconclusive, match="at the low end of the range"):
        predict(runs, TARGET)


def test_a_rule_that_no_run_tests_is_named() -> None:
    notes = predict(ladder(), {**TARGET, "steps": 1600.0}).notes
    assert any("no rung differs in steps; assumed" in note for note in notes)
    assert not any("assumed" in note for note in predict(ladder(), TARGET).notes)


def test_a_ladder_without_losses_is_inconclusive() -> None:
    runs = tuple(replace(o, loss=None) for o in runs_at(WIDTHS))
    with pytest.raises(Inconclusive, match=r"ladder\.csv: no rung has an optimum"):
        predict(LadderRuns("ladder.csv", runs, digest=""), TARGET)


def test_too_few_rungs_have_no_loss() -> None:
    found = predict(ladder(WIDTHS[:2]), {**TARGET, "width": 128.0})
    assert found.loss is None
    assert found.reason is not None and "the loss is not predicted" in found.reason


def test_targets_of_tables_and_runs() -> None:
    assert target_sizes(ladder(), {"width": 512.0}) == TARGET
    recipe = loads(RECIPE).recipe
    assert target_sizes(replace(ladder(), recipe=recipe), {"width": 512.0})["steps"] == 40
    with pytest.raises(InputError, match="smaller than the smallest"):
        target_sizes(ladder(), {"width": 16.0})


def test_what_a_forecast_says_of_its_runs() -> None:
    runs = forecast_runs(ladder())
    assert runs.count == 4 * 2 * 7
    assert runs.largest == {"width": 256, "depth": 2, "batch": 16, "steps": 100}
