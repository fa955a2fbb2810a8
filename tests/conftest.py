"""Set-up that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Tests run side by side, one process per core: torch must not start a thread per core in each.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def double() -> Iterator[None]:
    """Double precision."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
