"""Indices by seed and step; a fixed set in batches."""

from __future__ import annotations

import numpy as np
import torch

from mutransfer_cli.data.sampling import in_batches, random_indices


def test_indices_depend_on_seed_and_step_alone() -> None:
    first = random_indices(1, 2, 1000, 10)
    assert np.array_equal(first, random_indices(1, 2, 1000, 10))
    assert not np.array_equal(first, random_indices(2, 1, 1000, 10))
    assert set(first) == set(range(10))  # with replacement, none beyond


def test_every_example_is_in_one_batch() -> None:
    x, y = torch.arange(7), torch.arange(7)
    batches = in_batches(x, y, 3)
    assert [len(b[0]) for b in batches] == [3, 3, 1]
    assert torch.equal(torch.cat([b[0] for b in batches]), x)
