"""Small models are traced on one thread; the setting of the process comes back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.tracing.tracer import SMALL_TENSOR, trace


@pytest.mark.parametrize(("entries", "expected"), [(SMALL_TENSOR, 1), (2 * SMALL_TENSOR, 3)])
def test_threads(entries: int, expected: int) -> None:
    model = nn.Linear(entries // 64, 64, bias=False)
    seen: list[int] = []

    def run() -> None:
        seen.append(torch.get_num_threads())
        model(torch.ones(1, entries // 64))

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        trace(model, run)
        assert (seen, torch.get_num_threads()) == ([expected], 3)
    finally:
        torch.set_num_threads(before)


def test_threads_after_an_error() -> None:
    def fail() -> None:
        raise ValueError("no")

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(ValueError, match="no"):
            trace(nn.Linear(2, 2), fail)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
