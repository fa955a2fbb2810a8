"""Quasi-random settings: evenly spread, and the same whatever the losses are."""

from __future__ import annotations

from collections import Counter
from math import floor

from tests.helpers.rounds import positions

SEEDS = range(4)


def cells(found: list[float]) -> Counter[int]:
    """How many of the positions from 0 to 8 lie in each cell of length 1."""
    return Counter(min(floor(x), 7) for x in found)


def test_each_eighth_has_its_share() -> None:
    """A Sobol sequence is a net in base 2: of 2^k points one lies in each of 2^k cells.

    Optuna draws the first setting before it knows the space, so that it belongs to no net.
    """
    for seed in SEEDS:
        assert set(cells(positions("sobol", 9, lambda x: x, seed)[1:]).values()) == {1}


def test_settings_do_not_depend_on_losses() -> None:
    assert positions("sobol", 9, lambda x: x) == positions("sobol", 9, lambda x: -x)


def test_random_settings_are_not_so_even() -> None:
    """The control: another sampler's settings leave cells empty."""
    assert any(len(cells(positions("tpe", 9, lambda x: x, seed)[1:])) < 8 for seed in SEEDS)


def test_a_longer_search_starts_with_the_shorter_one() -> None:
    """So that a run goes on with more trials; Optuna's others with a random start of five too."""
    assert positions("sobol", 9, lambda x: x)[:4] == positions("sobol", 4, lambda x: x)
    assert positions("tpe", 9, lambda x: x)[:6] == positions("tpe", 6, lambda x: x)
    # the control: another seed
    assert positions("tpe", 9, lambda x: x, 1)[:5] != positions("tpe", 9, lambda x: x)[:5]
