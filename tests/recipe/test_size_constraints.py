"""Widths and depths that a model cannot have are named with those that it can."""

from __future__ import annotations

import pytest

from tests.helpers.recipes import GOOD, change, refused

SIZES = [
    (
        "[32, 64]",
        "[32, 40]",
        "9:22: ladder.width.1: d_model 40 is not divisible by head_dim 16; "
        "nearest that work: 32, 48",
    ),
    ("width: 32}", "width: 8}", "8:15: base.width: d_model 8 is not divisible by head_dim 16; "
     "nearest that work: 16"),
    ("{head_dim: 16}", "{n_head: 3}", "8:15: base.width: d_model 32 is not divisible by n_head 3; "
     "nearest that work: 30, 33"),
    ("{head_dim: 16}", "{head_dim: 16}\n  width: {d_model: 0.25}",
     "9:15: base.width: d_model 8 is not divisible by head_dim 16; nearest that work: 64"),
    ("{head_dim: 16}", "{head_dim: 16}\n  depth: {n_layer: 0.3}",
     "9:1: base.depth: n_layer = 2 × 0.3 = 0.6 is not a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), SIZES)
def test_sizes_that_do_not_fit(old: str, new: str, line: str) -> None:
    assert refused(change(old, new)).startswith("r.yaml:" + line)


def test_the_target_has_to_fit_too() -> None:
    assert refused(GOOD + "target: {width: 100}\n") == (
        "r.yaml:10:17: target.width: d_model 100 is not divisible by head_dim 16; "
        "nearest that work: 96, 112"
    )
