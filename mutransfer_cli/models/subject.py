"""The object that a user's own callable may return instead of a bare module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass
class Subject:
    """A model with its optimizer, loss and batches.

    Attributes:
        model: The module.
        optimizer: An instance over this model's parameters, or a list of several; torch's, or
            anything with `param_groups` and `step`. With it, `check` measures the user's own
            parameterization as it is.
        loss: `loss(model, batch)` returns a scalar tensor.
        batch: `batch(seed)` returns a training batch for `loss`.
        eval_batch: `eval_batch(seed)` returns a validation batch for `loss`.
    """

    model: nn.Module
    optimizer: Any = None
    loss: Callable[[nn.Module, Any], Tensor] | None = None
    batch: Callable[[int], Any] | None = None
    eval_batch: Callable[[int], Any] | None = None
