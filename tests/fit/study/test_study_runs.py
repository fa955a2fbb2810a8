"""A study as arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study.study_runs import study_runs
from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import sweep


def run(width: int, lr: float, loss: float | None = 2.0, **params: float) -> Observation:
    return Observation(width, lr, 0, loss, params=params)


def test_settings_sizes_and_losses() -> None:
    """By size, setting and seed, whichever comes first."""
    study = study_runs([run(64, 0.25, 2.0), run(128, 0.5, None), run(128, 0.25, 4.0)])
    assert study.runs.settings[:, 0].tolist() == [-2, -2, -1]
    assert study.runs.sizes[:, 0].tolist() == [6, 7, 7]
    assert study.runs.losses[:2].tolist() == pytest.approx([np.log(2), np.log(4)])
    assert study.runs.diverged.tolist() == [False, False, True]
    assert study.values(study.setting({"lr": 0.25})) == {"lr": 0.25}
    assert [rung["width"] for rung in study.rungs] == [64, 128]


def test_the_order_in_which_trials_ended_does_not_matter() -> None:
    """Workers end in another order each time; the answer is the same to the last bit."""
    runs = sweep(np.random.default_rng(0), {32: -6.0, 64: -6.5}, seeds=3)
    mixed = [runs[i] for i in np.random.default_rng(1).permutation(len(runs))]
    assert mixed != runs
    first, second = study_runs(runs), study_runs(mixed)
    assert first.observations == second.observations
    assert np.array_equal(first.runs.losses, second.runs.losses)
    assert np.array_equal(first.runs.settings, second.runs.settings)
    assert fit_study(runs).answers.choice == fit_study(mixed).answers.choice


def test_what_is_left_out_has_a_reason() -> None:
    runs = [replace(run(64, 0.25), pruned=True, loss=None), run(64, 0.25), run(64, 0.5)]
    runs += [replace(run(64, 0.5), batch=b) for b in (8, 16)] + [run(64, 0.5, tied=1.0)]
    study = study_runs(runs)
    reasons = {ignored.reason: ignored.count for ignored in study.ignored}
    assert reasons["pruned: the final loss is unknown"] == 1
    assert reasons["no batch"] == 3


def test_a_rung_where_nothing_finished_is_named() -> None:
    study = study_runs([run(64, 0.25), run(64, 0.5), run(128, 0.25, None)])
    assert [rung["width"] for rung in study.rungs] == [64]
    assert [rung.sizes["width"] for rung in study.unfinished_rungs] == [128]
    with pytest.raises(InputError, match="no run finished"):
        study_runs([run(64, 0.25, None)])


def test_the_best_category_is_fitted_and_the_others_have_a_cost() -> None:
    """Twice the loss at the worse one, on both rungs: a cost of 1."""
    runs = [
        run(width, lr, loss * factor, tied=tied)
        for width in (64, 128)
        for lr, loss in ((0.1, 2.2), (0.2, 2.0), (0.4, 2.4))
        for tied, factor in ((0.0, 2.0), (1.0, 1.0))
    ]
    study = study_runs(runs)
    assert study.categories["tied"].value == 1.0
    costs = study.categories["tied"].costs(study.scale, 0.0, 0.95)
    assert list(costs) == [0.0] and costs[0.0].value == pytest.approx(1.0)
    assert len(study.observations) == 6
    assert study.values(study.setting({"lr": 0.1}))["tied"] == 1.0


def test_a_size_that_is_not_given_is_that_of_the_largest_rung() -> None:
    runs = [replace(run(64 * n, 0.25), depth=d) for n, d in ((1, 2), (2, 4))]
    study = study_runs(runs)
    assert study.size({"width": 256}).tolist() == [8, 2]
