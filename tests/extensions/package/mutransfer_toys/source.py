"""A data source: random numbers, classed by the sign of their sum."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mutransfer_cli.data.protocol import Batch, DataSettings


@dataclass(frozen=True)
class Signs:
    """Standard normal inputs (size, d_in), and whether their sum is positive (size,)."""

    d_in: int
    d_out: int

    @property
    def digest(self) -> str:
        return f"toy-signs-{self.d_in}"

    def batch(self, seed: int, step: int, size: int) -> Batch:
        random = torch.Generator().manual_seed(1_000_003 * seed + step)
        x = torch.randn(size, self.d_in, generator=random)
        return x, (x.sum(1) > 0).long()

    def validation(self, size: int) -> list[Batch]:
        return [self.batch(-1 % 2**31, 0, size)]


def open_signs(settings: DataSettings) -> Signs:
    assert settings.d_in is not None and settings.d_out is not None
    return Signs(settings.d_in, settings.d_out)
