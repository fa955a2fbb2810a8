"""Double precision for stacks that name float32 in their code, so that losses agree to rounding.

bfloat16 counts too, since Muon's iteration asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mutransfer_cli.optimizers import newton_schulz


def copied_double(tensor: torch.Tensor) -> torch.Tensor:
    """A copy in double precision: torch's Muon divides in place what `bfloat16` has returned."""
    return tensor.to(torch.float64, copy=True)


@contextmanager
def double_precision() -> Iterator[None]:
    """Make float32 and bfloat16 mean float64 for what is called inside; not safe with threads."""
    single, default, as_float = torch.float32, torch.get_default_dtype(), torch.Tensor.float
    half, as_half = torch.bfloat16, torch.Tensor.bfloat16
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float = torch.float64  # type: ignore[misc]  # for this process alone
    torch.bfloat16 = torch.float64  # type: ignore[misc]  # the same
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]  # the same
    torch.Tensor.bfloat16 = copied_double  # type: ignore[method-assign]  # the same
    newton_schulz.PRECISION = torch.float64
    try:
        yield
    finally:
        torch.float32 = torch.float = single  # type: ignore[misc]  # as it was
        torch.bfloat16 = half  # type: ignore[misc]  # as it was
        torch.Tensor.float = as_float  # type: ignore[method-assign]  # as it was
        torch.Tensor.bfloat16 = as_half  # type: ignore[method-assign]  # as it was
        newton_schulz.PRECISION = half
        torch.set_default_dtype(default)
