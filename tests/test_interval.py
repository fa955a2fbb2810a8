"""An estimate with its bounds."""

from __future__ import annotations

from math import inf

import pytest

from mutransfer_cli.interval import Interval, number


def test_half_width_is_the_longer_arm() -> None:
    assert Interval(value=-7.0, low=-7.4, high=-6.8).half_width == pytest.approx(0.4)
    assert Interval(value=-7.0, low=-7.4).half_width == inf


def test_powers_of_two_keep_missing_bounds() -> None:
    assert Interval(value=-3, low=-4, high=-2).exp2() == Interval(
        value=0.125, low=0.0625, high=0.25
    )
    assert Interval(value=1).exp2() == Interval(value=2)


def test_as_text() -> None:
    assert str(Interval(value=0.0123456, low=0.01, high=0.02)) == "0.01235 (0.01 to 0.02)"
    assert f"lr {Interval(value=3)}" == "lr 3"
    assert str(Interval(value=9, low=5.5)) == "9 (at least 5.5)"
    assert str(Interval(value=9, high=12)) == "9 (at most 12)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0078125, "0.007812"),  # round half to even
        (32, "32"),
        (20480.0, "20480"),
        (130000, "130000"),
        (1300000000, "1.3e+09"),
        (6.7e9, "6.7e+09"),
        (-20480.4, "-20480"),
        (2.0**-20, "9.537e-07"),
        (inf, "inf"),
    ],
)
def test_numbers_are_written_alike(value: float, text: str) -> None:
    assert number(value) == text
    assert str(Interval(value=value)) == text
