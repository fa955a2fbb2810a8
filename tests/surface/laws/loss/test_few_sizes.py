"""Predictions from the best runs of grids, as published sweeps have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.surface.laws.forms.chinchilla import CHINCHILLA
from mutransfer_cli.surface.laws.law_form import LawOptions, LawTable, Score
from mutransfer_cli.surface.laws.loss.averaged_powers import Parameters
from mutransfer_cli.surface.laws.loss.few_sizes import fit_few_sizes
from mutransfer_cli.surface.laws.loss.loss_law import Beyond
from mutransfer_cli.surface.laws.loss.power_sum import fit_power_sum
from tests.helpers.law_tables import GRID_KINDS, best_of_grids, loss_table

OPTIONS = LawOptions(confidence=0.9, resamples=200)


def scores(kind: str, seed: int) -> tuple[Score, Score]:
    """Of the losses above 4e8 parameters, predicted from the others; and by resamples alone."""
    table = best_of_grids(kind, seed)
    held = table["params"] >= 4e8
    law = CHINCHILLA.fit(table.rows(~held), OPTIONS)
    fitted = fit_power_sum(log_sizes(law.table), law.table.logs("loss"), OPTIONS)
    alone = replace(law, fitted=fitted, beyond=Beyond())
    return law.score(table.rows(held)), alone.score(table.rows(held))


def log_sizes(table: LawTable) -> np.ndarray:  # type: ignore[type-arg]  # shape (rows, 2)
    return np.stack([table.logs(name) for name in table.sizes], axis=1)


def test_a_table_whose_sizes_have_errors_of_their_own() -> None:
    """Resamples take 15 losses of four models for 15 facts, and hold few of the larger models'."""
    averaged, alone = scores("shapes", 3)
    assert averaged.inside >= 0.8 * averaged.points and alone.inside <= 0.5 * averaged.points


@pytest.mark.slow
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_intervals_of_the_larger_sizes_hold(kind: str) -> None:
    """90 % intervals hold .80 of the losses or more: those of one table are wrong alike."""
    inside, alone, points = 0, 0, 0
    for seed in range(100, 112):
        averaged, resampled = scores(kind, seed)
        inside += averaged.inside
        alone += resampled.inside
        points += averaged.points
    assert inside >= 0.80 * points
    if kind == "shapes":  # the control
        assert alone < 0.80 * points


def test_a_known_floor_is_kept() -> None:
    table = loss_table(noise=0.001, repeats=1)
    few = fit_few_sizes(log_sizes(table), table["loss"], replace(OPTIONS, floor=1.7))
    assert np.all(few.parameters.floor == 1.7)


def test_errors_that_models_share_are_seen_in_the_draws() -> None:
    """1 % by which models differ is drawn as shared errors; the same noise, mixed, is not."""
    table = loss_table(noise=0.0005, repeats=1)
    rows, model = np.arange(12), np.repeat([1, -1, -1, 1], 3)
    mixed = np.array([1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1])
    shared = []
    for sign in (model, mixed):
        few = fit_few_sizes(log_sizes(table), table["loss"] * (1 + 0.01 * sign), OPTIONS)
        errors = few.errors(replace(OPTIONS, resamples=2000))
        same = np.corrcoef(errors.T)[rows[:-1], rows[1:]]
        shared.append(same[table["params"][:-1] == table["params"][1:]].mean())
    assert shared[0] > 0.15 + shared[1]


def test_no_term_springs_up_beyond_the_sizes() -> None:
    """Curves of equal compute, whose outermost runs alone have most tokens: the next is smooth.

    A second term that cancels the first at all runs but one would fit, and rise twentyfold beyond.
    """
    rng = np.random.default_rng(1)
    rows = []
    for flops in (1e18, 3e18, 1e19, 3e19, 1e20, 3e20):
        best = 0.09 * flops**0.4516
        for octaves in np.linspace(-2, 2, 9):
            params = best * 2**octaves
            tokens = flops / 6 / params
            loss = 1.69 + 406.4 * params**-0.34 + 410.7 * tokens**-0.28
            rows.append((params, tokens, loss * (1 + 0.001 * rng.standard_normal())))
    columns = np.array(rows).T
    table = LawTable(dict(zip(("params", "tokens", "loss"), columns, strict=True)),
                     ("params", "tokens"))  # fmt: skip
    seen = np.arange(len(rows)) < 45
    few = fit_few_sizes(log_sizes(table.rows(seen)), table["loss"][seen], OPTIONS)
    low, high = np.percentile(few.draws(log_sizes(table.rows(~seen)), 1), [1, 99], axis=0)
    assert np.all((low < table["loss"][~seen]) & (table["loss"][~seen] < high))
    assert np.all(high / low < 1.03)


def test_second_terms_do_not_overflow() -> None:
    """Five octaves below the center a decay of 400 is 2^2000, beyond any float; its share is 0."""
    one = np.ones((2, 1))
    drawn = Parameters(one[:, 0], one[:, 0], np.zeros(2, dtype=int), one, 0 * one, 400 * one)
    assert drawn.terms(np.array([[-5.0]])).tolist() == [[[32.0]], [[32.0]]]
    assert not drawn.negative(np.array([[-5.0]])).any()
    opposed = replace(drawn, shares=-0.1 * one)  # the control: it cancels the first term
    assert opposed.negative(np.array([[-5.0]])).all()
