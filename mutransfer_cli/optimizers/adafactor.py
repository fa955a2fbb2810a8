"""Adafactor (Shazeer and Stern, arXiv 1804.04235): updates relative to the size of the tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutransfer_cli.optimizers.geometry import RELATIVE
from mutransfer_cli.optimizers.protocol import OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def torch_class() -> type[Optimizer]:
    """Return torch's own class."""
    from torch.optim import Adafactor

    return Adafactor


ADAFACTOR = OptimizerSpec(
    name="adafactor", geometry=RELATIVE, torch_class=torch_class, tabulated=True
)
