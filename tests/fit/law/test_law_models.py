"""Tables that mix several models at one size."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.catalog.laws import LAWS
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.law_table import law_table
from mutransfer_cli.fit.law.run_columns import RunColumns


def runs(**columns: list[float]) -> RunColumns:
    return RunColumns("runs.csv", {name: np.array(c, float) for name, c in columns.items()})


def test_a_size_of_the_law_has_one_model() -> None:
    """Along tokens alone, each rate at 1e9 tokens was run with two models."""
    mixed = runs(params=[1e8] * 3 + [4e8] * 3, tokens=[1e9] * 6, lr=[1, 2, 4] * 2, loss=[2] * 6)
    message = r"1e\+08 to 4e\+08 at tokens 1e\+09.* --along tokens,params, .*'params=100000000'"
    with pytest.raises(InputError, match=message):
        law_table(mixed, LAWS["optimum"], along=["tokens"])
    both = law_table(mixed, LAWS["optimum"], along=["tokens", "params"])[0]
    assert both.sizes == ("tokens", "params")
    # the control: tokens that follow from a batch that was searched at constant steps
    searched = runs(params=[1e8] * 6, width=[8.0] * 6, batch=[1, 1, 1, 2, 2, 2], lr=[1, 2, 4] * 2,
                    tokens=[1e6] * 3 + [2e6] * 3, loss=[2] * 6)  # fmt: skip
    made = law_table(searched, LAWS["optimum"], along=["params"])[0]
    assert made.hyperparameters == ("lr", "batch")


def test_mixtures_of_experts_with_one_number_of_parameters() -> None:
    """Two mixtures differ by .05 % in all parameters, but one uses three times as many at once."""
    active = [6e8] * 3 + [2e8] * 3
    mixed = runs(params=[2.155e9] * 3 + [2.156e9] * 3, na=active, tokens=[1e9, 2e9, 4e9] * 2,
                 lr=[1, 2, 4] * 2, loss=[2] * 6)  # fmt: skip
    with pytest.raises(InputError, match=r"their models differ in na; .* --where na=600000000, or"):
        law_table(mixed, LAWS["optimum"])
    assert law_table(mixed, LAWS["optimum"], along=["Na"])[0].sizes == ("na",)
    # the controls: the column is the same, follows no model, or says which run it was
    for na in ([6e8] * 6, [6e8, 2e8, 6e8] * 2):
        same = RunColumns("runs.csv", {**mixed.columns, "na": np.array(na)})
        assert law_table(same, LAWS["optimum"])[0].sizes == ("tokens",)
