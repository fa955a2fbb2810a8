"""Decisions of Optuna's pruners, by hand."""

from __future__ import annotations

from random import Random

import pytest

from mutransfer_cli.search.pruning.protocol import pruning_rule

# Five references at three looks. Of six, own included, the better three are promoted: a third
# place or better. The median of the references is 3; the median rule takes the trial's best so far.
LADDER = [(float(i), float(i), float(i)) for i in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("pruner", "own", "expected"),
    [
        ("halving", [2.5], False),  # 1 2 [2.5] 3 4 5: third
        ("halving", [3.5], True),  # 1 2 3 [3.5] 4 5: fourth
        ("halving", [0.5, 3.5], True),  # the same one look later
        ("halving", [9.0, 2.5], False),  # each look is a rung of its own
        ("halving", [0.5, 0.5, 5.5], True),
        ("median", [2.9], False),
        ("median", [3.1], True),
        ("median", [2.0, 9.0], False),  # its best, 2, is below the median
        ("median", [4.0, 3.5], True),
    ],
)
def test_the_decision_is_optuna_s(pruner: str, own: list[float], expected: bool) -> None:
    for order in range(4):
        shuffled = Random(order).sample(LADDER, len(LADDER))
        assert pruning_rule(pruner).is_hopeless(shuffled, own) is expected
