"""Learned tokens: queries, latents and inducing points, which are vectors for each of several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mutransfer_cli.tracing.tensor_shape import TensorShape

SAME_SIZE = 0.1  # difference of two logarithms


def resized_tokens(
    tensors: Sequence[TensorShape], others: Mapping[str, nn.Parameter]
) -> frozenset[str]:
    """Learned tokens whose own init has another size at another width.

    A learned query, latent or inducing point is a vector with further dimensions, which Xavier's
    init of a matrix makes smaller at a larger width; a bias, whose habitual init of 1/sqrt(fan-in)
    fades beside what it is added to, is none. Two draws of normal entries of one size differ by
    more than two standard errors, sqrt(1/(2 n) + 1/(2 m)) of n and m entries, in one case of
    twenty; a plan is not wrong then, for it keeps the size at the base.

    Args:
        tensors: The parameters at the base.
        others: The parameters at another width.
    """
    found = set()
    for tensor in tensors:
        value = others[tensor.name].detach()
        if tensor.role != "vector" or len(tensor.base_shape) < 2 or value.is_meta:
            continue
        size = root_mean_square(value)
        if tensor.base_rms > 0 and size > 0:
            entries = math.prod(tensor.base_shape), value.numel()
            error = math.sqrt(sum(1 / (2 * n) for n in entries))
            if abs(math.log(size / tensor.base_rms)) > max(2 * error, SAME_SIZE):
                found.add(tensor.name)
    return frozenset(found)


def root_mean_square(value: Tensor) -> float:
    """Root mean square of the entries, 0 without any."""
    norm = float(torch.linalg.vector_norm(value))
    return norm / math.sqrt(max(1, value.numel()))
