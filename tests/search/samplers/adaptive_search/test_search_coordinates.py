"""Octaves of hyperparameters and sizes, and records as arrays."""

from __future__ import annotations

from dataclasses import replace
from math import log, log2

import numpy as np
import pytest

from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers.adaptive_search.search_coordinates import (
    SearchedSpace,
    rung_costs,
    runs_of,
    size_point,
    varying_axes,
)
from mutransfer_cli.search.samplers.protocol import SearchProblem
from tests.helpers.sweeps import record_with

SPACE = SearchedSpace(
    {
        "lr": Space(log2=(-12, -3)),
        "eps": Space(log10=(-9, -6)),
        "warmup": Space(linear=(0.0, 0.5), step=0.05),
    },
    2,
)
SMALL, LARGE = Size(32, 2, 16, 200), Size(128, 2, 16, 200)


def test_octaves_and_grid_steps() -> None:
    """By hand: 2^-7, 10^-8 = 2^-26.575, and 0.15 = 3 steps."""
    point = SPACE.point({"lr": 2.0**-7, "eps": 1e-8, "warmup": 0.15})
    assert point == pytest.approx([-7, log2(1e-8), 3])
    assert dict(SPACE.setting(np.array(point))) == pytest.approx(
        {"lr": 2.0**-7, "eps": 1e-8, "warmup": 0.15}
    )


def test_only_the_learning_rate_leaves_its_range() -> None:
    low, high = SPACE.range
    assert low == pytest.approx([-14, log2(1e-9), 0])
    assert high == pytest.approx([-1, log2(1e-6), 10])


def test_the_search_starts_at_the_recipe_or_in_the_middle() -> None:
    own = SPACE.start({"lr": 2.0**-5, "eps": 1e-8, "warmup": 0.1})
    assert own == pytest.approx([-5, log2(1e-8), 2])
    outside = SPACE.start({"lr": 8.0, "eps": 0.0})  # above its range, and no octave at all
    assert outside == pytest.approx([-7.5, (log2(1e-9) + log2(1e-6)) / 2, 5])


def test_settings_lie_on_a_lattice() -> None:
    """A rounding error does not make another trial."""
    points = np.array([[-7.013, -25.0, 3.0], [-7.013 + 1e-12, -25.0, 99.0]])
    first, second = SPACE.on_lattice(points)
    assert first[0] == second[0] == -7.0 and second[2] == 10  # inside the range


def test_axes_are_the_sizes_that_vary() -> None:
    assert varying_axes([SMALL, LARGE]) == (("width",),)
    assert varying_axes([SMALL]) == (("width",),)  # one rung: any axis will do
    deep = replace(SMALL, depth=4)
    assert varying_axes([SMALL, LARGE, deep]) == (("width",), ("depth",))
    doubled = replace(SMALL, batch=32, steps=100)  # the same number of examples
    assert varying_axes([SMALL, doubled]) == (("batch",),)
    assert size_point(doubled, [("batch",)]) == pytest.approx([5])
    longer = replace(SMALL, steps=400)
    (axis,) = varying_axes([SMALL, longer])
    assert size_point(longer, [axis]) == pytest.approx([log2(16 * 400)])


ONE = SearchedSpace({"lr": Space(log2=(-12, -3))}, 0)


def job(size: Size, x: float) -> Job:
    return Job(size, 1, (("lr", 2.0**x),))


def test_records_as_arrays() -> None:
    """Failed and pruned trials, and rungs where nothing finished, say nothing."""
    records = [
        record_with(job(SMALL, -7), 2.5),
        record_with(job(SMALL, -3), None),
        replace(record_with(job(SMALL, -5), None), outcome="failed"),
        replace(record_with(job(SMALL, -6), None), outcome="pruned"),
        record_with(job(LARGE, -3), None),
    ]
    runs = runs_of(records, ONE, [("width",)])
    assert runs.settings[:, 0] == pytest.approx([-7, -3])
    assert runs.sizes[:, 0] == pytest.approx([5, 5])
    assert runs.losses[0] == pytest.approx(log(2.5)) and np.isnan(runs.losses[1])
    assert runs.seeds.tolist() == [1, 1]


def test_losses_below_zero_are_fractions_of_what_training_gained() -> None:
    losses = [-1.0, 0.0, 3.0]
    records = [record_with(job(SMALL, x), loss) for x, loss in enumerate(losses)]
    runs = runs_of(records, ONE, [("width",)])
    gained = np.quantile(losses, 0.95) + 1
    assert runs.losses == pytest.approx(np.array(losses) / gained)


def test_costs_are_recorded_or_follow_from_the_sizes() -> None:
    problem = SearchProblem(Search(), (SMALL, LARGE), 0, {})
    unknown = rung_costs(problem, [record_with(job(SMALL, -7), 2.5)])
    assert unknown[LARGE] == pytest.approx(16 * unknown[SMALL])  # width^2
    known = [replace(record_with(job(SMALL, -7), 2.5), flops=100.0)]
    assert rung_costs(problem, known) == pytest.approx({SMALL: 100.0, LARGE: 1600.0})
    pruned = replace(record_with(job(LARGE, -7), None), outcome="pruned", flops=300.0)
    whole = replace(record_with(job(LARGE, -6), 2.5), flops=1200.0)
    both = rung_costs(problem, [*known, pruned, whole])
    assert both == pytest.approx({SMALL: 100.0, LARGE: 1200.0})
