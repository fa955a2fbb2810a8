"""Training in bfloat16: products by autocast, or parameters as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from mutransfer_cli.models.loss import in_single_precision
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.schema.train import Precision


def set_precision(subject: Subject, precision: Precision, device: torch.device) -> None:
    """Make a subject train and evaluate in a precision.

    The initialization is drawn in float32 before. With bf16, parameters and buffers are converted
    as `model.to(torch.bfloat16)` does, and with them the floating-point tensors of every batch;
    moments of the optimizer then have the type of their parameters.

    Args:
        subject: The model and its loss, on the device.
        precision: The recipe's `train.precision`.
        device: The device.
    """
    loss = subject.loss
    if precision == "float32" or loss is None:
        return
    if precision == "bf16":
        subject.model.to(torch.bfloat16)
        subject.loss = _on_bfloat16(loss)
    else:
        subject.loss = _under_autocast(loss, device.type)


def _on_bfloat16(loss: Callable[[nn.Module, Any], Tensor]) -> Callable[[nn.Module, Any], Tensor]:
    """The loss on a batch that is converted to bfloat16."""

    def converted(model: nn.Module, batch: Any) -> Tensor:
        return in_single_precision(loss(model, tree_map(_in_bfloat16, batch)))

    return converted


def _in_bfloat16(leaf: Any) -> Any:
    is_float = isinstance(leaf, Tensor) and leaf.is_floating_point()
    return leaf.to(torch.bfloat16) if is_float else leaf


def _under_autocast(
    loss: Callable[[nn.Module, Any], Tensor], device_type: str
) -> Callable[[nn.Module, Any], Tensor]:
    """The loss with products in bfloat16 as torch's autocast chooses them."""

    def autocast(model: nn.Module, batch: Any) -> Tensor:
        with torch.autocast(device_type, dtype=torch.bfloat16):
            return in_single_precision(loss(model, batch))

    return autocast
