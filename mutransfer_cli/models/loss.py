"""The loss of a proxy on a recipe's data: cross-entropy of its logits."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.checked_subject import index_errors_named

SINGLE_BYTES = 4  # bytes of a number in single precision
ONE_OUTPUT = "it has one output for each example, and the cross-entropy of one class is always 0"
OWN_LOSS = (
    "for a regression, return a mutransfer_cli.Subject(model, loss=..., batch=...) with a loss of "
    "your own (docs/own-model.md has one)"
)


def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean over examples (and tokens) in nats; the model returns logits, or an object with them.

    Raises:
        InputError: The model returns anything else, or logits of another shape than the targets.
    """
    return cross_entropy_of(model, logits_of(model, batch), batch[1])


@dataclass(frozen=True, slots=True)
class CrossEntropyWithZLoss:
    """Cross-entropy, in training with a penalty on the normalizer of the softmax.

    Chowdhery et al. 2022 (PaLM, arXiv 2204.02311, section 5): 1e-4 · log² Z, which keeps log Z near
    zero. Evaluation measures the cross-entropy alone, so that weights can be compared.

    Attributes:
        weight: Factor of the mean of log² Z over examples (and tokens).
    """

    weight: float

    def __call__(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch; see `cross_entropy`."""
        logits = logits_of(model, batch)
        loss = cross_entropy_of(model, logits, batch[1])
        if not model.training:
            return loss
        return loss + self.weight * in_single_precision(logits).logsumexp(-1).square().mean()


def logits_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The logits of a batch (…, classes), for targets of shape (…).

    Raises:
        InputError: The model returns no logits, a single one, or logits of another shape than the
            targets.
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
    if logits.shape[-1] == 1:
        raise InputError(f"{ONE_OUTPUT}; {OWN_LOSS}", path=("model",))
    return logits


def cross_entropy_of(model: nn.Module, logits: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy of logits (…, classes) and targets (…), in nats."""
    with index_errors_named(model, targets):
        return F.cross_entropy(in_single_precision(logits.flatten(0, -2)), targets.flatten())


def in_single_precision(tensor: Tensor) -> Tensor:
    """The tensor, converted to single precision if its own is lower."""
    return tensor.float() if tensor.element_size() < SINGLE_BYTES else tensor
