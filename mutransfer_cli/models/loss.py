"""The loss of a proxy on a recipe's data: cross-entropy of its logits."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.checked_subject import index_errors_named

SINGLE_BYTES = 4  # bytes of a number in single precision


def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean over examples (and tokens) in nats; the model returns logits, or an object with them.

    Raises:
        InputError: The model returns anything else, or logits of another shape than the targets.
    """
    inputs, targets = batch
    with index_errors_named(model, inputs):
        output = model(inputs)
    logits = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    if not isinstance(logits, Tensor) or logits.shape[:-1] != targets.shape:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(output).__name__
        raise InputError(
            f"its output is {shape}, expected logits {(*targets.shape, 'classes')} for the "
            "recipe's data; or return a mutransfer_cli.Subject with its own loss and batch",
            path=("model",),
        )
    with index_errors_named(model, targets):
        return F.cross_entropy(in_single_precision(logits.flatten(0, -2)), targets.flatten())


def in_single_precision(tensor: Tensor) -> Tensor:
    """The tensor, converted to single precision if its own is lower."""
    return tensor.float() if tensor.element_size() < SINGLE_BYTES else tensor
