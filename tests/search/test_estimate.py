"""The price of a sweep: hours of the device times the price of an hour."""

from __future__ import annotations

import pytest

from mutransfer_cli.cli.sweep import duration, size_words
from mutransfer_cli.documents.sweep import TargetCost
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.search.estimate import dry_run

RECIPE = """
name: t
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 2}
base: {width: 16, depth: 1, batch: 8, steps: 6}
ladder: {width: [16, 32]}
target: {width: 256}
search: {space: {lr: {log2: [-6, -4], step: 1.0}}, seeds: 1, extend: 0 BUDGET}
"""


def test_the_price_is_hours_times_the_price_of_an_hour() -> None:
    text = RECIPE.replace(" BUDGET", ", budget: {price_per_hour: 7200}")
    document = dry_run(loads(text), device="cpu", workers=1, engine="one-by-one")
    assert document.seconds is not None and document.seconds_training is not None
    assert document.price == pytest.approx(2 * document.seconds)  # 7200 an hour is 2 a second
    assert document.target is not None
    # as many trials of the target, at the sweep's FLOPs per second
    at_target = document.seconds_training * document.target.flops * document.trials / document.flops
    assert document.price_at_target == pytest.approx(2 * at_target)


def test_a_target_is_named_along_every_axis_that_it_has() -> None:
    cost = {"width": 16, "depth": 1, "batch": 8, "steps": 30, "flops": 1.0, "share": 1.0}
    assert size_words(TargetCost(**cost)) == "width 16, depth 1, batch 8, 30 steps"
    longer = TargetCost(**cost, seq_len=256)
    assert size_words(longer) == "width 16, depth 1, batch 8, 30 steps, seq_len 256"


def test_without_a_price_there_is_none() -> None:
    document = dry_run(loads(RECIPE.replace(" BUDGET", "")), device="cpu", workers=1)
    assert document.price is None and document.price_at_target is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90, "1.5 min"), (7199, "120 min"), (7200, "2 h"), (36000, "10 h"), (259200, "3 days")],
)
def test_durations_are_told_in_the_unit_that_reads_best(seconds: float, text: str) -> None:
    assert duration(seconds) == text
