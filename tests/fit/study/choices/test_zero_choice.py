"""When a hyperparameter that is best at 0 is a category."""

from __future__ import annotations

from itertools import product

import pytest

from mutransfer_cli.fit.study.choices.zero_choice import with_zeros_as_categories
from mutransfer_cli.fit.study.coordinates import hyperparameters_of
from mutransfer_cli.fit.study.loss_scale import LossScale
from mutransfer_cli.surface.observation import Observation

DECAYS = (0.0, 0.01, 0.1, 1.0)


def runs(best: float, rates: tuple[int, ...] = (-9, -8, -7, -6)) -> list[Observation]:
    """The loss is lowest at a weight decay of `best`, whatever the learning rate."""
    return [
        Observation(
            w,
            2.0**x,
            0,
            2 + 0.05 * (x + 7.4) ** 2 + 0.1 * abs(d - best),
            params={"weight_decay": d},
        )
        for w, x, d in product((64, 128), rates, DECAYS)
    ]


def categories(study: list[Observation]) -> dict[str, tuple[float, ...]]:
    rungs = [(float(o.size("width") or 0),) for o in study]
    found = with_zeros_as_categories(study, rungs, hyperparameters_of(study), LossScale())
    return dict(found.categories)


def test_best_at_zero() -> None:
    assert categories(runs(0.0)) == {"weight_decay": DECAYS}


@pytest.mark.parametrize("best", [0.01, 0.1, 1.0])
def test_best_elsewhere_it_has_octaves(best: float) -> None:
    assert categories(runs(best)) == {}


def test_not_where_the_rates_were_searched_elsewhere_only() -> None:
    """One rate at a decay of 0: there is nothing to fit there."""
    study = [o for o in runs(0.0) if o.params["weight_decay"] > 0 or o.lr == 2.0**-7]
    assert categories(study) == {}


def test_not_where_it_is_the_only_one() -> None:
    assert categories(runs(0.0, rates=(-7,))) == {}
