"""Which rates of a line go first, and which are never pruned."""

from __future__ import annotations

from math import log2

from mutransfer_cli.search.pruning.rate_line import is_protected, spread_rates


def test_first_rates_are_spread_and_leave_the_ends_out() -> None:
    assert [log2(x) for x in spread_rates([2.0**i for i in range(-9, -2)])] == [-8, -6, -4]
    assert [log2(x) for x in spread_rates([2.0**i for i in range(-12, -3)])] == [-11, -8, -5]
    halves = [2.0 ** (-12 + i / 2) for i in range(19)]
    assert len(spread_rates(halves)) == 5  # not one in three: they are half an octave apart


def test_what_a_parabola_may_need_is_protected() -> None:
    rates = [2.0**i for i in range(-9, -2)]
    found = {2.0**i: (i + 6.0) ** 2 for i in range(-8, -3)}
    assert [int(log2(x)) for x in rates if is_protected(x, rates, found)] == [-8, -7, -6, -5, -4]
    cliff: dict[float, float | None] = {**found, 2.0**-5: 9.0, 2.0**-4: None}
    assert [int(log2(x)) for x in rates if is_protected(x, rates, cliff)] == [
        -9,
        -8,
        -7,
        -6,
        -5,
        -4,
    ]
    coarse = [2.0**i for i in (-12, -8, -4, 0)]  # of wide steps the nearest rates
    assert [is_protected(x, coarse, {2.0**-8: 1.0}) for x in coarse] == [True, True, True, True]
    assert is_protected(2.0**-20, [2.0**-20, 2.0**-8], {2.0**-8: None})  # there is no best yet
