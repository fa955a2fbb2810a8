"""Which size is accused, and which is certainly near, by distances written out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.size_departures import far_sizes, is_near, suspects
from mutransfer_cli.surface.loss_curves.curve_collapse import Collapse, Departure


def departure(value: float, half: float, name: str = "64") -> Departure:
    around = Interval(value=value, low=value - half, high=value + half)
    return Departure(name, Interval(value=0.0, low=-0.1, high=0.1), around)


def collapse(*departures: Departure, seed_spread: float) -> Collapse:
    return cast("Collapse", SimpleNamespace(departures=departures, seed_spread=seed_spread))


@pytest.mark.parametrize(("half", "near"), [(0.5, True), (1.5, False)])
def test_near_is_certain(half: float, near: bool) -> None:
    """One standard deviation off, where two are far: known to 0.5 it is near, to 1.5 it may not."""
    assert is_near(departure(1.0, half)) is near


@pytest.mark.parametrize("ends", [{}, {"low": -0.5}, {"high": 0.5}])
def test_without_an_interval_nothing_is_near(ends: dict[str, Any]) -> None:
    assert not is_near(Departure("64", Interval(value=0.0, **ends), None))


@pytest.mark.parametrize(("seed_spread", "accused"), [(0.01, ["64"]), (0.002, [])])
def test_a_slight_departure_is_not_accused(seed_spread: float, accused: list[str]) -> None:
    """At least 4 standard deviations: 4 % of the loss, or 0.8 % where 1 % is slight."""
    found = collapse(departure(5.0, 1.0), departure(0.0, 1.0, "32"), seed_spread=seed_spread)
    assert [d.name for d in far_sizes(found)] == accused


def test_suspects_in_the_order_of_standard_errors() -> None:
    """6 with an error of 3, 5 with one of 1, and 4 with one of 4: by 2, 5 and 1 errors."""
    sizes = [departure(6.0, 3.0, "a"), departure(5.0, 1.0, "b"), departure(4.0, 4.0, "c")]
    assert suspects(sizes) == ["b"]
    assert suspects([sizes[0], sizes[2]]) == ["a", "c"]
