"""Settings that differ in several hyperparameters at once are all drawn, with the surface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.fit.rung_curves import is_scattered, settings_of, surface_line
from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import along


def design(settings: int = 24) -> list[Observation]:
    """Random settings of two hyperparameters; the loss is 2 + .03 u² + .01 v² at 2^-6 and 2^-1."""
    random = np.random.default_rng(0)
    runs = []
    for width in (16, 32):
        for u, v in random.uniform(-2.5, 2.5, (settings, 2)):
            loss = 2 + 16 / width + 0.03 * u * u + 0.01 * v * v
            runs.append(
                Observation(width, 2.0 ** (u - 6), 0, loss, params={"init_std": 2.0 ** (v - 1)})
            )
    return runs


def test_every_setting_is_a_point_and_the_line_has_its_lowest_at_the_optimum() -> None:
    runs = design()
    study = fit_study(runs)
    answer = study.curves[0].answer
    assert is_scattered(study.curves)
    settings = settings_of(study.observations, answer)
    assert dict(settings) == {o.lr: pytest.approx(o.loss) for o in runs if o.width == 16}
    line = surface_line(study.surface, answer, [lr for lr, _ in settings])
    rate, loss = min(line, key=lambda point: point[1])
    assert np.log2(rate) == pytest.approx(-6, abs=0.3)
    assert loss == pytest.approx(3.0, rel=0.01)
    first, height = line[0]
    assert height == pytest.approx(3 + 0.03 * (np.log2(first) + 6) ** 2, rel=0.02)
    assert surface_line(None, answer, [0.1]) == []


def test_the_mean_of_seeds_is_one_point() -> None:
    runs = [replace(o, seed=s, loss=(o.loss or 0) + 0.001 * s) for o in design(12) for s in (0, 1)]
    study = fit_study(runs)
    assert len(settings_of(study.observations, study.curves[0].answer)) == 12


def test_rates_on_a_line_are_not_scattered() -> None:
    assert not is_scattered(fit_study(along("width", {32: -6.0, 64: -6.0}, depth=2)).curves)
