"""Pilots from a recipe of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.pilot_base import at_base_of
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.surface.observation import Observation
from tests.helpers.run_directories import RECIPE

LADDER = loads(RECIPE).recipe  # 40 steps at the base
RUN = Observation(width=64, lr=0.02, seed=0, loss=2.0, params={"weight_decay": 0.1, "init_std": 1})


def pilot(old: str = "", new: str = "") -> LadderRuns:
    return LadderRuns("pilot", (RUN,), "", recipe=loads(RECIPE.replace(old, new)).recipe)


def test_rates_follow_the_horizon_rule() -> None:
    # at 10 steps a rate q of the ladder's base is q·(10/40)^(-1/2) = 2q: so 0.02 is 0.01 there
    found = at_base_of(pilot("steps: 40", "steps: 10"), LADDER).observations[0]
    assert found.lr == pytest.approx(0.01)
    # torch's decay keeps lr × decay × steps: half the rate, four times the steps
    assert found.params == {"weight_decay": pytest.approx(0.05), "init_std": 1}


def test_the_same_base_or_a_table_is_left_as_it_is() -> None:
    for runs in (pilot(), replace(pilot(), recipe=None)):
        assert at_base_of(runs, LADDER) == runs
    short = pilot("steps: 40", "steps: 10")
    assert at_base_of(short, None) == short


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width: 8,", "width: 16,", "base.width 16, the runs at 8"),
        ("batch: 16", "batch: 32", "base.batch 32, the runs at 16"),
        ("search:", "parameterization: sp\nsearch:", "differs from the runs in parameterization"),
        ("search:", "rules: {horizon: none}\nsearch:", "differs from the runs in rules"),
    ],
)
def test_other_recipes_are_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        at_base_of(pilot(old, new), LADDER)
