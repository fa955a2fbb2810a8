"""Two optima in a table of runs."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.surface.laws.forms.optimum import OPTIMUM
from mutransfer_cli.surface.laws.law_form import Array, LawOptions, LawTable

WIDTHS = (64.0, 128.0, 256.0, 512.0)
GRID = np.arange(-12.0, -3.0)


def table(apart: float) -> LawTable:
    """Two valleys about 2^-8, so many octaves apart; one where that is 0; noise .2 %, 2 seeds."""
    rng = np.random.default_rng(3)
    widths, x = np.repeat(WIDTHS, 2 * len(GRID)), np.tile(GRID, 2 * len(WIDTHS))
    u = np.minimum(np.abs(x + 8 - apart / 2), np.abs(x + 8 + apart / 2))
    loss = (2 + 1.5 * (widths / 64) ** -0.4) * np.exp(0.01 * u**2)
    noisy: Array = loss * (1 + 0.002 * rng.standard_normal(len(loss)))
    return LawTable({"width": widths, "lr": 2.0**x, "loss": noisy}, ("width",), ("lr",))


def test_two_valleys_are_found() -> None:
    with pytest.raises(Inconclusive, match=r"two optima, near lr .* finer values around both"):
        OPTIMUM.fit(table(5.0), LawOptions())


def test_narrow_valleys_are_found() -> None:
    """The fit of one valley cannot follow two: its residuals, .03, are no noise, which is .001."""
    rng = np.random.default_rng(7)
    x = np.tile(np.arange(-13, -3.9, 0.5), 3)
    widths = np.repeat(WIDTHS[:3], len(x) // 3)
    excess = 0.02 * np.minimum((x + 11) ** 2, (x + 6) ** 2) + 0.001 * rng.standard_normal(len(x))
    loss: Array = (2 + (widths / 64) ** -0.5) * np.exp(excess)
    both = LawTable({"width": widths, "lr": 2.0**x, "loss": loss}, ("width",), ("lr",))
    with pytest.raises(Inconclusive, match="two optima"):
        OPTIMUM.fit(both, LawOptions())


def test_one_valley_has_a_law() -> None:
    law = OPTIMUM.fit(table(0.0), LawOptions())
    assert law.points == 4 and law.notes == ()
