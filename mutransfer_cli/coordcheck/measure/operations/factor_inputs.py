"""What a factor of a weight acts on: A x for B in (W + B A) x, with what other factors make of it.

Neither is an input or a result of a module. A random change of the factor shows their size: its
effect is √fan times the size of the input, as a random matrix sums over `fan` of its entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

SMALL_STEP = 1e-3  # relative to the factor: the weight need not be linear in it (DoRA)


def input_of_factor(
    run: Callable[[Tensor], Tensor], value: Tensor, summed: int, otherwise: float
) -> float:
    """RMS of what a factor acts on.

    Args:
        run: The result of the layer for a value of the factor.
        value: The factor.
        summed: The dimension of the factor that is summed over.
        otherwise: The size if no change of the factor has an effect, as beside a factor of zeros.
    """
    step = SMALL_STEP * (size(value) or 1.0)
    noise = torch.randn(value.shape, generator=torch.Generator().manual_seed(0)).to(value)
    effect = size(run(value + step * noise) - run(value)) / step
    return effect / math.sqrt(value.shape[summed]) or otherwise


def size(tensor: Tensor) -> float:
    """RMS of a tensor's entries."""
    return float(tensor.detach().abs().square().mean().sqrt())
