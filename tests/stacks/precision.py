"""Double precision for stacks that name float32 in their code, so that losses agree to rounding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def double_precision() -> Iterator[None]:
    """Make float32 mean float64 for everything that is called inside; not safe with threads."""
    single, default, as_float = torch.float32, torch.get_default_dtype(), torch.Tensor.float
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float = torch.float64  # type: ignore[misc]  # for this process alone
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]  # the same
    try:
        yield
    finally:
        torch.float32 = torch.float = single  # type: ignore[misc]  # as it was
        torch.Tensor.float = as_float  # type: ignore[method-assign]  # as it was
        torch.set_default_dtype(default)
