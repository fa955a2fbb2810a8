"""What the layers of a model put out for a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.user_code import run_user_code
from mutransfer_cli.probes.curvature.repeatable import Loss
from mutransfer_cli.probes.subject.trainee import Trainee

READOUTS = ("readout", "tied")


def layer_outputs(trainee: Trainee, batch: Any) -> dict[str, Tensor]:
    """The output of every module with parameters of its own, without readouts, in their order.

    Of a module that is called several times, it is the output of the last call: in the first step
    of a recurrent network, a layer sees nothing but its bias. Of a tuple, it is the first tensor:
    torch's recurrent layers return their outputs and then their last states, its attention its
    outputs and then its weights. Where no plan says what a tensor does, the last layer with a
    matrix is taken for the readout.

    Args:
        trainee: Gives the model, its loss and the roles of its tensors.
        batch: The batch.
    """
    return outputs_by_layer(trainee.model, trainee.loss, batch, trainee.roles)


def outputs_by_layer(
    model: nn.Module, loss: Loss, batch: Any, roles: Mapping[str, str]
) -> dict[str, Tensor]:
    """See `layer_outputs`.

    Args:
        model: The model.
        loss: Its loss, see `repeatable`.
        batch: The batch.
        roles: Role of every tensor; empty where there is no plan.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output
            if isinstance(first, Tensor) and first.is_floating_point():
                found.pop(name, None)  # of several calls the last, as of a recurrent layer
                found[name] = first.detach().clone()

        return hook

    handles = []
    for name, module in model.named_modules():
        own = [n for n, _ in module.named_parameters(recurse=False)]
        full = [f"{name}.{n}" if name else n for n in own]
        if own and not any(roles.get(n) in READOUTS for n in full):
            handles.append(module.register_forward_hook(keep(name or "model")))
    try:
        with torch.no_grad():
            loss(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    if not roles:
        matrices = [name for name in found if matrix_entries(model, name)]
        found.pop(matrices[-1] if matrices else "", None)
    return found


def matrix_entries(model: nn.Module, name: str) -> int:
    """Number of entries of a module's own matrices; it is named as in `layer_outputs`."""
    module = dict(model.named_modules()).get(name, model)
    return sum(p.numel() for p in module.parameters(recurse=False) if p.dim() > 1)


def model_output(trainee: Trainee, batch: Any) -> Tensor | None:
    """What the model itself returns for a batch: a tensor, or the logits of what it returns.

    Args:
        trainee: Gives the model and its loss.
        batch: The batch.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        value = output_tensor(output)
        if value is not None:
            found.append(value.detach().clone())

    handle = trainee.model.register_forward_hook(keep)
    try:
        with torch.no_grad():
            trainee.loss(trainee.model, batch)
    finally:
        handle.remove()
    return found[-1] if found else None


def output_of(model: nn.Module, x: Tensor) -> Tensor:
    """What a model returns for inputs: its logits, or the first tensor of several.

    Args:
        model: The model.
        x: Inputs (examples, …), all that its forward pass takes.

    Raises:
        InputError: The forward pass fails with them, or it returns no tensor.
    """
    found = output_tensor(run_user_code(lambda: model(x), "forward pass on inputs alone"))
    if found is None:
        raise InputError("the model returns no tensor for its inputs")
    return found


def is_prediction(trainee: Trainee, batch: Any) -> bool:
    """Whether the loss takes the first output alone, so that it can be held against the target.

    Of several that it takes, such as the weights, means and widths of a mixture, none by itself is
    what the model predicts. Outputs that the loss does not read count for nothing.

    Args:
        trainee: Gives the model and its loss.
        batch: A batch.
    """
    found: list[list[Tensor]] = []

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        if isinstance(output, tuple):
            found.append([p for p in output if isinstance(p, Tensor) and p.dim() > 0])

    handle = trainee.model.register_forward_hook(keep)
    try:
        loss = trainee.loss(trainee.model, batch)
    finally:
        handle.remove()
    trained = [(i, p) for parts in found for i, p in enumerate(parts) if p.requires_grad]
    if not trained:
        return True
    grads = torch.autograd.grad(loss, [part for _, part in trained], allow_unused=True)
    return {i for (i, _), g in zip(trained, grads, strict=True) if g is not None} <= {0}


def output_tensor(output: Any) -> Tensor | None:
    """What a model returns: a tensor, its logits, or the first tensor of a tuple with a shape.

    Args:
        output: What its forward pass returned.
    """
    if isinstance(output, tuple):
        parts = [part for part in output if isinstance(part, Tensor) and part.dim() > 0]
        return parts[0] if parts else None
    value = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    return value if isinstance(value, Tensor) else None


def rows(tensor: Tensor) -> NDArray[np.float64]:
    """Outputs with examples or tokens as rows; an image's positions are averaged."""
    values = tensor.double().cpu().numpy()
    if values.ndim == 4:
        values = values.mean((2, 3))
    flat: NDArray[np.float64] = values.reshape(-1, values.shape[-1])
    return flat
