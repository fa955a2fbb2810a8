"""Settings of several hyperparameters are drawn by their lowest losses, with the surface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.fit.rung_curves import is_joint, lowest_losses, surface_line
from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import along, random_settings


def test_every_setting_is_a_point_and_the_line_has_its_lowest_at_the_optimum() -> None:
    runs = random_settings()
    study = fit_study(runs)
    answer = study.curves[0].answer
    assert is_joint(study.curves, study.surface)
    settings = lowest_losses(study.observations, answer)
    assert dict(settings) == {o.lr: pytest.approx(o.loss) for o in runs if o.width == 16}
    line = surface_line(study.surface, answer, [lr for lr, _ in settings])
    rate, loss = min(line, key=lambda point: point[1])
    assert np.log2(rate) == pytest.approx(-6, abs=0.3)
    assert loss == pytest.approx(3.0, rel=0.01)
    first, height = line[0]
    assert height == pytest.approx(3 + 0.03 * (np.log2(first) + 6) ** 2, rel=0.02)
    assert surface_line(None, answer, [0.1]) == []


def test_the_mean_of_seeds_is_one_point() -> None:
    runs = [
        replace(o, seed=s, loss=(o.loss or 0) + 0.001 * s)
        for o in random_settings(12)
        for s in (0, 1)
    ]
    study = fit_study(runs)
    assert len(lowest_losses(study.observations, study.curves[0].answer)) == 12


def test_a_grid_shows_the_best_of_the_others_where_optima_are_entangled() -> None:
    """2 + .03 u² + .03 (v - u)²: best at u = v = 0; at v = -1 alone, u = -1/2 would look best."""
    grid = [(u, v) for u in range(-3, 4) for v in range(-3, 4)]
    runs = [
        Observation(w, 2.0 ** (u - 6), 0, 2 + 16 / w + 0.03 * (u * u + (v - u) ** 2),
                    params={"init_std": 2.0**v})
        for w in (16, 32) for u, v in grid
    ]  # fmt: skip
    study = fit_study(runs)
    assert is_joint(study.curves, study.surface)
    points = lowest_losses(study.observations, study.curves[0].answer)
    assert [loss for _, loss in points] == pytest.approx([3 + 0.03 * u * u for u in range(-3, 4)])


def test_rates_on_a_line_are_not_joint() -> None:
    study = fit_study(along("width", {32: -6.0, 64: -6.0}, depth=2))
    assert not is_joint(study.curves, study.surface)
