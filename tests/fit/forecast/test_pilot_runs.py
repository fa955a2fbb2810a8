"""Pilots: which runs count, how far their optimum is from the target's, and what they change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.pilot_runs import EXPONENT, lr_shift, pilot_at
from mutransfer_cli.fit.forecast.prediction import predict
from mutransfer_cli.recipe.load import loads
from tests.helpers.ladders import LENGTHS, ladder, runs_at
from tests.helpers.run_directories import RECIPE

TARGET = {"width": 512.0, "depth": 2.0, "batch": 16.0, "steps": 100.0}


def pilot(
    width: int = 512, steps: int = 100, rates: tuple[float, ...] = (-7, -6, -5)
) -> LadderRuns:
    runs = runs_at([(width, steps)], rates=rates, seeds=1, seed=5)
    return LadderRuns("pilot.csv", runs, digest="")


def test_the_shortfall_is_in_octaves_of_length() -> None:
    assert pilot_at(pilot(steps=25), TARGET).shortfall == 2
    assert pilot_at(pilot(), TARGET).shortfall == 0


def test_pilots_that_are_refused() -> None:
    with pytest.raises(InputError, match="no run at the target"):
        pilot_at(pilot(width=256), TARGET)
    with pytest.raises(InputError, match="at 1 setting finished"):
        pilot_at(pilot(rates=(-6,)), TARGET)
    several = replace(
        pilot(), observations=pilot(steps=25).observations + pilot(steps=50).observations
    )
    with pytest.raises(InputError, match="differ in length"):
        pilot_at(several, TARGET)


def test_the_shift_of_the_learning_rate() -> None:
    recipe = loads(RECIPE).recipe
    assert lr_shift(recipe, 3.0) == 0.0  # rates are quoted at the base, by the horizon rule
    without = loads(RECIPE + "rules: {horizon: none}\n").recipe
    # shorter runs take higher rates: by the middle of 1/2 and 0.32 octaves per octave
    assert lr_shift(without, 3.0) == pytest.approx(3 * 0.41)
    assert lr_shift(None, 1.0) == -EXPONENT


def test_a_pilot_as_long_as_the_target_joins_the_ladder() -> None:
    before = predict(ladder(), TARGET, confidence=0.9)
    after = predict(ladder(), TARGET, confidence=0.9, pilot=pilot())
    assert after.pilot is not None and "joined" in after.pilot.method
    assert after.pilot.before == before.optimum
    assert after.pilot.runs == 3
    assert after.distance == 0.0  # the pilot is a rung at the target
    old, new = before.optimum["lr"], after.optimum["lr"]
    assert old.high and old.low and new.high and new.low
    assert new.high / new.low < old.high / old.low
    assert "octaves" in after.pilot.change


def test_a_short_pilot_joins_a_ladder_that_varies_the_length() -> None:
    after = predict(ladder(LENGTHS), {**TARGET, "width": 256.0}, pilot=pilot(width=256, steps=25))
    assert after.pilot is not None and "joined" in after.pilot.method
    assert after.pilot.shortfall == 2


def test_a_short_pilot_measures_with_the_horizon_rule_otherwise() -> None:
    after = predict(ladder(), TARGET, pilot=pilot(steps=25))
    assert after.pilot is not None and "horizon rule" in after.pilot.method
    assert after.optimum["lr"].value != after.pilot.before["lr"].value
