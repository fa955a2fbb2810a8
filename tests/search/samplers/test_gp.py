"""The Gaussian process goes where losses are low, and counts a pruned setting as a bad one."""

from __future__ import annotations

import optuna
import pytest

from mutransfer_cli.catalog.samplers import STARTUP
from mutransfer_cli.search.samplers.gp import GPSampler
from tests.helpers.rounds import positions, problem


@pytest.mark.parametrize("optimum", [1.0, 7.0])
def test_the_first_settings_after_the_random_start_are_near_the_optimum(optimum: float) -> None:
    found = positions("gp", STARTUP + 2, lambda x: (x - optimum) ** 2)
    assert min(abs(x - optimum) for x in found[STARTUP:]) < 0.5
    assert min(abs(x - (8 - optimum)) for x in found[STARTUP:]) > 2  # the control


def test_a_pruned_setting_has_the_worst_loss_so_far() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for loss in (1.0, 3.0, 2.0):
        study.tell(study.ask(), loss)
    GPSampler(problem("gp", 4)).tell_pruned(study, study.ask(), [(10, 0.5)])
    assert study.trials[-1].value == 3.0  # not the loss at which it was pruned
