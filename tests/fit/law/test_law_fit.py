from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.catalog.laws import LAWS
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.law_fit import LawRequest, fit_law, parse_sizes
from mutransfer_cli.fit.law.run_columns import RunColumns
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.law_form import LawOptions
from tests.helpers.law_tables import loss_table, optimum_table

QUICK = LawOptions(resamples=100)
CHINCHILLA = LAWS["chinchilla"]


def chinchilla_runs() -> RunColumns:
    return RunColumns("runs.csv", loss_table(noise=0.003).columns)


def test_by_default_all_rows_are_fitted_and_the_largest_sizes_checked() -> None:
    """Twelve sizes: two of them, of four runs each, are held out of the second fit."""
    document = fit_law(chinchilla_runs(), LawRequest(CHINCHILLA, QUICK)).document
    assert document.points == 48
    assert document.held_out is not None and document.held_out.points == 8
    assert len(document.predictions) == 2
    assert set(document.predictions[0]) == {"params", "tokens", "loss"}


def test_with_a_condition_the_law_is_fitted_to_the_rest() -> None:
    request = LawRequest(CHINCHILLA, QUICK, hold_out="N>4e8", at=({"N": 7e9, "tokens": 1e12},))
    document = fit_law(chinchilla_runs(), request).document
    assert document.points == 36
    assert document.held_out is not None and document.held_out.points == 12
    first = document.predictions[0]
    assert first["params"] == 7e9 and isinstance(first["loss"], Interval)
    assert len(document.predictions) == 4


def test_the_regret_of_predicted_settings() -> None:
    runs = RunColumns("runs.csv", optimum_table().columns)
    request = LawRequest(LAWS["optimum"], QUICK, hold_out="params>4e8")
    held_out = fit_law(runs, request).document.held_out
    assert held_out is not None and held_out.regret is not None
    assert len(held_out.regret) == 3 and max(held_out.regret) < 0.01
    assert set(held_out.by_quantity) == {"lr", "batch"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (LawRequest(CHINCHILLA, QUICK, hold_out="params>1"), "all of the 48 rows meet it"),
        (LawRequest(CHINCHILLA, QUICK, hold_out="params>1e20"), "none of the 48 rows meet it"),
        (LawRequest(CHINCHILLA, QUICK, hold_out="depth>1"), "no column depth"),
        (LawRequest(CHINCHILLA, QUICK, at=({"params": 1.0},)), "tokens is missing"),
        (LawRequest(CHINCHILLA, QUICK, at=({"params": 1.0, "tokens": 1.0, "lr": 1.0},)), "lr"),
        (LawRequest(CHINCHILLA, QUICK, at=({"params": 0.0, "tokens": 1.0},)), "positive"),
    ],
)
def test_wrong_options(request_: LawRequest, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_law(chinchilla_runs(), request_)


def test_a_table_too_small_to_check_is_fitted_all_the_same() -> None:
    """Four sizes for three parameters: without the largest nothing can be fitted."""
    size = np.array([1e6, 1e7, 1e8, 1e9])
    loss = 1.5 + 30 * size**-0.25
    runs = RunColumns("runs.csv", {"flops": size, "loss": loss * [1, 1.001, 0.999, 1]})
    document = fit_law(runs, LawRequest(LAWS["power"], QUICK)).document
    assert document.held_out is None and document.points == 4


def test_sizes_as_text() -> None:
    assert parse_sizes("params=7e9, tokens=1e12") == {"params": 7e9, "tokens": 1e12}
    for text in ("params", "params=many"):
        with pytest.raises(InputError, match="expected sizes such as"):
            parse_sizes(text)
