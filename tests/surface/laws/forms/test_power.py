from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.forms.power import POWER
from mutransfer_cli.surface.laws.law_form import LawOptions, LawTable

QUICK = LawOptions(resamples=200)


def table(floor: float, noise: float = 0.002, count: int = 40) -> LawTable:
    """loss = floor + 30·s^−0.25 from 10^4 to 10^8: 3.0 to 0.3 above the floor."""
    size = np.geomspace(1e4, 1e8, count)
    loss = floor + 30 * size**-0.25
    loss = loss * np.exp(noise * np.random.default_rng(0).standard_normal(count))
    return LawTable({"flops": size, "loss": loss}, ("flops",))


def test_parameters_are_recovered() -> None:
    law = POWER.fit(table(floor=1.5), LawOptions(resamples=400, confidence=0.99))
    for name, truth in (("E", 1.5), ("A", 30.0), ("alpha", 0.25)):
        parameter = law.parameters[name]
        assert isinstance(parameter, Interval)
        assert parameter.low is not None and parameter.high is not None
        assert parameter.low < truth < parameter.high, name
    assert law.unidentified == ()


def test_evidence_for_a_floor() -> None:
    assert "E = 0 is ruled out" in POWER.fit(table(floor=1.5), QUICK).notes[0]
    assert "not ruled out" in POWER.fit(table(floor=0.0), QUICK).notes[0]


def test_a_fixed_floor() -> None:
    law = POWER.fit(table(floor=1.5), LawOptions(resamples=200, floor=1.5))
    assert set(law.parameters) == {"A", "alpha"}
    assert law.notes == ("E is fixed at 1.5",)


def test_a_floor_above_a_loss_is_refused() -> None:
    """The lowest loss is 1.8 with noise of .2 %."""
    with pytest.raises(
        InputError, match=r"E = 5: the lowest loss is 1\.(79|80)\d*; expected a small"
    ):
        POWER.fit(table(floor=1.5), LawOptions(resamples=100, floor=5.0))


def test_a_flat_loss_has_no_exponent() -> None:
    flat = table(floor=1.5)
    flat.columns["loss"][:] = 2 + 0.01 * np.random.default_rng(1).standard_normal(40)  # type: ignore[index]
    assert "alpha is not identified" in POWER.fit(flat, QUICK).unidentified[0]


def test_too_few_sizes() -> None:
    with pytest.raises(InputError, match=r"3 different sizes .* at least 4"):
        POWER.fit(table(floor=1.5, count=3), QUICK)
