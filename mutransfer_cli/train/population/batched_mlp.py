"""The built-in mlp with an explicit trial dimension and a hand-written backward pass.

It is several times faster than vmap at small widths: each matrix product of all trials is one call
that writes into memory allocated once. The last dimension of activations is the examples, so that
no product needs a transposed copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.models.builtin.mlp import ACTIVATIONS, MLP
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.batched_optimizers.flat_params import padded
from mutransfer_cli.train.population.model_stack import ModelStack, Tensors, select_trials

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function h(z) and its derivative.

    Attributes:
        forward: Called with (z, out); writes h into out.
        backward: Called with (d, z, h); turns d from dL/dh into dL/dz in place.
        keeps_input: Whether the backward pass needs z; if not, h overwrites z.
    """

    forward: Callable[[Tensor, Tensor], Any]
    backward: Callable[[Tensor, Tensor, Tensor], Any]
    keeps_input: bool = False


BATCHED_ACTIVATIONS = {
    "relu": Activation(
        lambda z, h: z.relu_(),
        lambda d, z, h: aten.threshold_backward.grad_input(d, h, 0, grad_input=d),
    ),
    "tanh": Activation(
        lambda z, h: z.tanh_(),
        lambda d, z, h: aten.tanh_backward.grad_input(d, h, grad_input=d),
    ),
    "gelu": Activation(
        lambda z, h: aten.gelu.out(z, out=h),
        lambda d, z, h: aten.gelu_backward.grad_input(d, z, grad_input=d),
        keeps_input=True,
    ),
    "silu": Activation(
        lambda z, h: aten.silu.out(z, out=h),
        lambda d, z, h: aten.silu_backward.grad_input(d, z, grad_input=d),
        keeps_input=True,
    ),
}
ACTIVATION_NAMES = {function: name for name, function in ACTIVATIONS.items()}


class BatchedMLP(ModelStack):
    """Losses of K perceptrons, and their gradients, as batched matrix products."""

    @classmethod
    def supports(cls, subject: Subject) -> bool:
        """Whether the model is exactly the built-in mlp; a subclass may compute something else."""
        return type(subject.model) is MLP and subject.model.act in ACTIVATION_NAMES

    def __init__(self, subject: Subject, plans: Sequence[Plan], states: Sequence[Tensors]) -> None:
        """Stack perceptrons; see `ModelStack`."""
        model = subject.model
        assert isinstance(model, MLP)
        self._buffers: dict[str, Tensor] = {}
        self._act = BATCHED_ACTIVATIONS[ACTIVATION_NAMES[model.act]]
        self._layers = ["input", *(f"hidden.{i}" for i in range(len(model.hidden))), "readout"]
        super().__init__(subject, plans, states)

    def _buffer(self, name: str, *shape: int) -> Tensor:
        """Memory that is reused in every step, aligned for each trial like the parameters."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape:
            count = prod(shape[1:])
            rows = self.params.new_empty(shape[0], padded(count))
            self._buffers[name] = buffer = rows[:, :count].view(shape)
        return buffer

    def memory(self) -> list[Tensor]:
        """Activations and their derivatives; see `ModelStack.memory`."""
        return list(self._buffers.values())

    def _scale(self, name: str, scales: Tensors) -> Tensor | float:
        if name in scales:
            return scales[name].view(-1, 1, 1)
        value: float = getattr(self.model, name)
        return value

    def _forward(
        self, x: Tensor, tensors: Tensors, scales: Tensors
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Compute the activations and logits of inputs x (K, features, examples).

        Returns tensors (K, width, examples) before and after every activation function, and the
        logits (K, classes, examples).
        """
        before, after = [], []
        trials, examples = len(x), x.shape[2]
        h = x
        for name in self._layers:
            weight, bias = tensors[f"{name}.weight"], tensors.get(f"{name}.bias")
            z = self._buffer(f"z {name}", trials, weight.shape[1], examples)
            if name == "readout":
                h = scaled(h, self._scale("logit_scale", scales))
            if bias is None:
                torch.bmm(weight, h, out=z)
            else:
                torch.baddbmm(bias.unsqueeze(2), weight, h, out=z)
            if name == "readout":
                break
            if name == "input":
                scale_(z, self._scale("embedding_scale", scales))
            h = self._buffer(f"h {name}", *z.shape) if self._act.keeps_input else z
            self._act.forward(z, h)
            before.append(z)
            after.append(h)
        return before, after, z

    def backward(self, batch: Any, shared: bool, training: bool = True) -> Tensor:
        """Losses (K,) and gradients; see `ModelStack.backward`."""
        inputs, targets = batch
        trials, examples = len(self), targets.shape[-1]
        x = inputs.flatten(1 if shared else 2)  # (K?, examples, features)
        x = x.to(self.params.dtype).expand(trials, *x.shape[-2:])
        with torch.no_grad():
            before, after, logits = self._forward(x.transpose(1, 2), self.param_views, self.scales)
            index = targets.expand(trials, examples).unsqueeze(1)
            losses, probabilities = softmax(logits, index)
            minus_one = probabilities.new_full((), -1.0).expand(index.shape)
            probabilities.scatter_add_(1, index, minus_one)
            self._back(x, before, after, probabilities.div_(examples))
        return losses

    def _back(self, x: Tensor, before: list[Tensor], after: list[Tensor], d: Tensor) -> None:
        """Fill `grads`, given the derivatives d of the losses by the logits."""
        last = len(self._layers) - 1
        for i in range(last, -1, -1):
            name = self._layers[i]
            if i < last:
                self._act.backward(d, before[i], after[i])
            if i == 0:
                scale_(d, self._scale("embedding_scale", self.scales))
            bias = self.grad_views.get(f"{name}.bias")
            if bias is not None:
                torch.sum(d, 2, out=bias)
            weight_grad = self.grad_views[f"{name}.weight"]
            torch.bmm(d, after[i - 1].transpose(1, 2) if i else x, out=weight_grad)
            if i == last:
                scale_(weight_grad, self._scale("logit_scale", self.scales))
            if i:
                weight = self.param_views[f"{name}.weight"]
                input_grad = self._buffer(f"d {i}", len(d), weight.shape[2], d.shape[2])
                torch.bmm(weight.transpose(1, 2), d, out=input_grad)
                if i == last:
                    scale_(input_grad, self._scale("logit_scale", self.scales))
                d = input_grad

    def losses(self, batch: Any, trials: Sequence[int] | None = None) -> Tensor:
        """Losses in evaluation mode; see `ModelStack.losses`."""
        inputs, targets = batch
        tensors, scales = self.param_views, self.scales
        if trials is not None:
            tensors, scales = select_trials(tensors, trials), select_trials(scales, trials)
        count = len(self) if trials is None else len(trials)
        x = inputs.flatten(1).to(self.params.dtype).t()
        with torch.no_grad():
            *_, logits = self._forward(x.expand(count, *x.shape), tensors, scales)
            return softmax(logits, targets.expand(count, 1, -1))[0]


def softmax(logits: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy (K,) and probabilities (K, classes, examples).

    Torch's own functions are slow along a dimension that is not the last.

    Args:
        logits: Logits (K, classes, examples).
        index: Classes (K, 1, examples).
    """
    shifted = logits - logits.amax(1, keepdim=True)
    of_targets = shifted.gather(1, index)
    exponentials = shifted.exp_()
    total = exponentials.sum(1, keepdim=True)
    return (total.log() - of_targets).mean((1, 2)), exponentials.div_(total)


def scale_(tensor: Tensor, by: Tensor | float) -> None:
    """Multiply in place, unless the factor is one."""
    if isinstance(by, Tensor) or by != 1.0:
        tensor.mul_(by)


def scaled(tensor: Tensor, by: Tensor | float) -> Tensor:
    """The product; the tensor itself if the factor is one."""
    return tensor * by if isinstance(by, Tensor) or by != 1.0 else tensor
