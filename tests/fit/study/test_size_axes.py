"""Axes of sizes and the order of rungs."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

import pytest

from mutransfer_cli.fit.study.size_axes import merged, rung_order, size_axes


def names(*rungs: Mapping[str, float]) -> list[str]:
    return [axis.name for axis in size_axes(rungs)]


def test_an_axis_for_each_size_that_varies() -> None:
    assert names({"width": 64, "depth": 2}, {"width": 128, "depth": 2}) == ["width"]
    assert names({"width": 64, "batch": 32}, {"width": 128, "batch": 64}) == ["width", "batch"]
    assert names({"width": 64}) == ["width"]  # of one rung the first known size


def test_a_batch_at_constant_examples_is_one_axis() -> None:
    a, b = {"width": 8, "batch": 16, "steps": 200}, {"width": 8, "batch": 32, "steps": 100}
    assert names(a, b) == ["batch"]
    assert names(a, {**b, "steps": 200}) == ["batch", "steps"]  # twice the examples
    (steps,) = size_axes([a, {**a, "steps": 400}])
    assert steps.position(a) == pytest.approx(log2(3200))


def test_steps_without_a_batch_are_an_axis() -> None:
    assert names({"width": 8, "steps": 100}, {"width": 8, "steps": 200}) == ["steps"]


def test_parameters_and_tokens() -> None:
    a = {"params": 1e7, "tokens": 1e9, "batch": 64.0}
    assert names(a, {"params": 4e7, "tokens": 2e9, "batch": 64.0}) == ["params", "tokens"]
    # beside a width they would say the same twice
    assert names({"width": 8, "params": 1e5}, {"width": 16, "params": 4e5}) == ["width"]


def test_sizes_that_differ_by_rounding_are_one() -> None:
    a, b, c = log2(3784), log2(3785), log2(7568)
    assert merged([a, b, b, c]) == {a: pytest.approx(b), b: pytest.approx(b), c: pytest.approx(c)}
    assert log2(100) != merged([log2(100), log2(103)])[log2(103)]  # 3 % apart: two rungs


def test_rungs_are_ordered_by_the_cost_of_a_trial_and_never_as_text() -> None:
    small_and_long = {"width": 64.0, "batch": 16.0, "steps": 1000.0}  # 64² · 16000 = 6.6e7
    large_and_short = {"width": 256.0, "batch": 16.0, "steps": 100.0}  # 256² · 1600 = 1.05e8
    assert sorted([large_and_short, small_and_long], key=rung_order)[0] == small_and_long
    assert rung_order({"width": 128.0}) > rung_order({"width": 64.0})  # "128" < "64" as text
