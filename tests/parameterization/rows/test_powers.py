"""Arithmetic of powers and rows."""

from __future__ import annotations

import pytest

from mutransfer_cli.parameterization.rows.powers import IN, ONE, OUT, Power, Row


def test_powers_multiply_by_adding_exponents() -> None:
    half = IN**-0.5 * OUT
    assert half == Power(-0.5, 1.0)
    assert half(4, 8) == pytest.approx(4**-0.5 * 8)
    assert half(4, 8) != half(8, 4)  # the fans are not interchangeable
    assert (half * half**-1) == ONE and ONE(3, 5) == 1.0


@pytest.mark.parametrize(
    ("power", "text"),
    [(ONE, "1"), (IN, "m_in"), (IN**-0.5, "m_in^-0.5"), (IN * OUT**2, "m_in·m_out^2")],
)
def test_text(power: Power, text: str) -> None:
    assert str(power) == text


def test_only_fans_that_grow_count_in_the_width() -> None:
    power = Power(-1.0, 0.5)
    assert power.in_width(True, True) == -0.5
    assert power.in_width(True, False) == -1.0
    assert power.in_width(False, True) == 0.5
    assert power.in_width(False, False) == 0.0


def test_a_shifted_row_computes_the_same_function() -> None:
    """abc-symmetry: the product of multiplier and init stays."""
    row = Row(init=IN**-0.5, multiplier=IN**-1, source="x")
    for other in (row.shifted(OUT**2), row.absorbed()):
        assert other.init * other.multiplier == row.init * row.multiplier
        assert other.init != row.init and other.source == "x"
    assert row.absorbed() == Row(IN**-1.5, ONE, "x")
