"""Losses by rate and seed: the best rate, and the cliff above it."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.rate_losses import best_of, cliff_above, losses_of
from tests.helpers.sweeps import record_with

SIZE, OTHER = Size(8, 1, 4, 10), Size(16, 1, 4, 10)


def record(position: float, loss: float | None, seed: int = 0, size: Size = SIZE) -> Record:
    return record_with(Job(size, seed, (("lr", 2.0**position),)), loss)


def test_losses_of_one_rung() -> None:
    records = [record(-3, 1.0), record(-3, None, seed=1), record(-4, 2.0, size=OTHER)]
    assert losses_of(SIZE, records) == {-3: {0: 1.0, 1: None}}


def test_a_seed_s_level_does_not_decide() -> None:
    """Seed 1 is worse by 10 everywhere; only the rate -3 has both seeds, -4 and -5 one each.

    By hand: the level of seed 0 is 1.0 and of seed 1 is 11.0, both from -3; heights are 0 at -3,
    1.2 - 1.0 at -4 and 10.5 - 11.0 at -5.
    """
    losses = {-3.0: {0: 1.0, 1: 11.0}, -4.0: {0: 1.2}, -5.0: {1: 10.5}}
    assert best_of(losses) == -5.0  # though its loss is larger than that of -4


def test_a_rate_at_which_a_seed_diverged_is_not_the_best() -> None:
    assert best_of({-3.0: {0: 0.1, 1: None}, -4.0: {0: 2.0, 1: 2.0}}) == -4.0
    assert best_of({-3.0: {0: None}}) is None


def test_the_cliff_is_the_lowest_lost_rate_above_the_best() -> None:
    pruned = replace(record(-2.5, None), outcome="pruned")
    records = [record(-1, None), record(-2, None), record(-6, None), pruned]
    assert cliff_above(SIZE, records, -4.0) == -2.0
    assert cliff_above(SIZE, [pruned, record(-6, None)], -4.0) == inf
    assert cliff_above(OTHER, records, -4.0) == inf
