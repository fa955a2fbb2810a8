"""Names and ranges in `search.space` that no trial could use."""

from __future__ import annotations

import pytest

from tests.helpers.recipes import GOOD, refused

SPACES = [
    ("search: {space: {rl: {log2: [0, 1]}}}", "10:18: search.space.rl: unknown name"),
    ("search: {space: {base.width: {log2: [5, 6]}}}", "10:18: search.space.base.width: not a hyp"),
    ("search: {space: {optimizer: {log2: [5, 6]}}}", "10:18: search.space.optimizer: not a single"),
    (
        "search: {space: {lr: {linear: [0, 1]}}}",
        "10:31: search.space.lr.linear: 0 cannot be used: optimizer.lr: expected above 0",
    ),
    (
        "search: {space: {lr: {log2: [0, 1]}, optimizer.lr: {log2: [0, 1]}}}",
        "10:38: search.space.optimizer.lr: the same as lr",
    ),
    (
        "search: {sampler: independent, space: {lr: {log2: [-9, -3]}, init_std: {log2: [-5, 0]}}}",
        "10:62: search.space.init_std: independent starts at the recipe's own value",
    ),
]


@pytest.mark.parametrize(("tail", "line"), SPACES)
def test_spaces_that_cannot_be_searched(tail: str, line: str) -> None:
    assert refused(GOOD + tail + "\n").startswith("r.yaml:" + line)
