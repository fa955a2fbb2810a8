"""Gradients of a model's outputs: its tangent kernel, and how it sees the inputs of layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mutransfer_cli.probes.curvature.flat import flatten, trained_parameters
from mutransfer_cli.probes.curvature.repeatable import twice_differentiable
from mutransfer_cli.probes.feature_learning.kernel_matrices import feature_ansatz
from mutransfer_cli.probes.subject.layer_outputs import READOUTS, output_tensor
from mutransfer_cli.probes.subject.trainee import Trainee
from mutransfer_cli.train.batches import count_examples

EXAMPLES = 16  # rows of a kernel
FEWEST = 4
MOST_ENTRIES = 50_000_000  # examples × parameters, 200 MB in float32
COLUMNS = 1_000_000  # of the gradients, converted to float64 at a time
PROJECTIONS = 4  # of the outputs, for the gradients by inputs of layers
Array = NDArray[np.float64]
Layers = dict[str, tuple[Tensor, list[Tensor]]]  # weight and inputs of every linear layer


@dataclass(frozen=True)
class OutputGradients:
    """What the gradients of a model's outputs say, at one moment of its training.

    Attributes:
        kernel: Tangent kernel: inner products of the gradients by all parameters (examples ×
            examples).
        asked: What the loss asks of the outputs, minus its gradient by them, in the same projection
            (examples,); None where the loss does not use them. For a squared error it is in
            proportion to target minus output.
        ansatz: Cosine of WᵀW with the average gradient outer product, by linear layer before the
            readout.
    """

    kernel: Array
    asked: Array | None
    ansatz: dict[str, float]


def output_gradients(trainee: Trainee, batch: Any) -> OutputGradients | None:
    """Differentiate the outputs for a batch by parameters and by the inputs of linear layers.

    Every example has one number: the inner product of its outputs with a fixed normal vector.
    Derivatives are first ones; attention runs by plain products, since a compiled backward pass
    cannot be repeated.

    Args:
        trainee: Gives the model and its loss; it is left as it was.
        batch: The batch.

    Returns:
        None where the outputs have no row for each example, or where the parameters are so many
        that fewer than four examples fit into memory.
    """
    parameters = trained_parameters(trainee.model)
    rows = min(EXAMPLES, MOST_ENTRIES // max(1, sum(p.numel() for p in parameters)))
    with twice_differentiable(), _seen(trainee) as (outputs, inputs):
        loss = trainee.loss(trainee.model, batch)
        examples = count_examples(batch)
        rows = min(rows, examples)
        whole = outputs[-1] if outputs else None
        if rows < FEWEST or whole is None or len(whole) % examples or not whole.requires_grad:
            return None
        flat = whole.reshape(examples, -1)
        fixed, *others = _normals(PROJECTIONS, flat)
        numbers = flat @ fixed
        kernel = _kernel(numbers[:rows], parameters)
        if not kernel.any():
            return None
        asked = None
        if loss.requires_grad:
            (slope,) = torch.autograd.grad(loss, whole, retain_graph=True, allow_unused=True)
            asked = None if slope is None else _array(-slope.reshape(examples, -1) @ fixed)[:rows]
        projected = [numbers.sum(), *((flat @ other).sum() for other in others)]
        ansatz = _ansatz(projected, {n: (w, x) for n, (w, x) in inputs.items() if x})
    return OutputGradients(kernel, asked, ansatz)


def _kernel(numbers: Tensor, parameters: list[nn.Parameter]) -> Array:
    """Inner products of the gradients of some numbers (numbers × numbers)."""
    rows = []
    for number in numbers:
        found = torch.autograd.grad(number, parameters, retain_graph=True, allow_unused=True)
        used = [
            torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)
        ]
        rows.append(flatten(used))
    size = numbers.shape[0]
    kernel = torch.zeros(size, size, dtype=torch.float64)
    for part in torch.split(torch.stack(rows), COLUMNS, dim=1):
        kernel += (part.double() @ part.double().T).cpu()
    return _array(kernel)


def _ansatz(projected: list[Tensor], layers: Layers) -> dict[str, float]:
    """The neural feature ansatz of every layer, given its weight and its inputs."""
    inputs = [x for _, calls in layers.values() for x in calls]
    if not inputs:
        return {}
    parts = [
        torch.autograd.grad(p, inputs, retain_graph=True, allow_unused=True) for p in projected
    ]
    found, first = {}, 0
    for name, (weight, calls) in layers.items():
        last = first + len(calls)
        own = [g for part in parts for g in part[first:last] if g is not None]
        first = last
        if own:
            gradients = torch.cat([g.reshape(-1, g.shape[-1]) for g in own])
            cosine = feature_ansatz(_array(weight), _array(gradients))
            if cosine is not None:
                found[name] = cosine
    return found


@contextmanager
def _seen(trainee: Trainee) -> Iterator[tuple[list[Tensor], Layers]]:
    """The model's outputs, and weight and inputs of every linear layer before the readout.

    A layer's input is seen as this layer alone sees it: of queries, keys and values, which share
    one, each has its own.
    """
    outputs: list[Tensor] = []
    inputs: Layers = {}
    handles = [trainee.model.register_forward_hook(_keeping_output(outputs))]
    linear = [(n, m) for n, m in trainee.model.named_modules() if isinstance(m, nn.Linear)]
    if not trainee.roles:
        linear = linear[:-1]
    for name, layer in linear:
        if trainee.roles.get(f"{name}.weight") not in READOUTS:
            calls: list[Tensor] = []
            inputs[name] = layer.weight, calls
            handles.append(layer.register_forward_pre_hook(_keeping_input(calls)))
    try:
        yield outputs, inputs
    finally:
        for handle in handles:
            handle.remove()


def _keeping_output(outputs: list[Tensor]) -> Any:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        value = output_tensor(output)
        if value is not None and value.dim() > 0:
            outputs.append(value)

    return hook


def _keeping_input(calls: list[Tensor]) -> Any:
    def hook(module: nn.Module, args: Any) -> Any:
        if not args or not isinstance(args[0], Tensor) or not args[0].is_floating_point():
            return None
        x = args[0]
        own = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        calls.append(own)
        return (own, *args[1:])

    return hook


def _normals(count: int, like: Tensor) -> list[Tensor]:
    """Fixed normal vectors for the columns of outputs (examples, columns)."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(like.shape[1], generator=generator).to(like) for _ in range(count)]


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().double().cpu().numpy())
