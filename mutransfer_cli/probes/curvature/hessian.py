"""Products of a loss's Hessian with vectors, at the current weights of a model."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.checked_subject import NO_GRADIENT
from mutransfer_cli.probes.curvature.flat import flatten, moved, trained_parameters, unflatten
from mutransfer_cli.probes.curvature.repeatable import Loss, repeatable, twice_differentiable

DOUBLE_BACKWARD, DIFFERENCES = "double backward", "finite differences"
DIFFERENCES_NOTE = (
    "an operation of the model has no second derivative: curvature by finite differences of "
    "gradients, about three digits"
)
# A central difference of gradients errs by h²/6 of the third derivative and by rounding/h: h is the
# cube root of the rounding of float32 (derived), relative to the size of the weights.
DIFFERENCE_STEP = 6e-3


class Hessian:
    """The Hessian of a mean loss over some batches, as a linear operator.

    Dropout drops the same entries every time, and buffers such as running means are left alone. Of
    the kernels of attention only the plain one has second derivatives; it is chosen here, and a
    model under torch.compile runs eagerly.

    Attributes:
        parameters: Parameters with respect to which the loss is differentiated.
        method: `double backward`, or `finite differences` where an operation of the model has no
            second derivative.
        products: Number of products computed so far.
        batches: The batches over which the loss is averaged.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        batches: Sequence[Any],
        parameters: Sequence[nn.Parameter] | None = None,
    ) -> None:
        """Prepare products; nothing is computed yet.

        Args:
            model: The model, at the weights of interest.
            loss: `loss(model, batch)` returns a scalar tensor, a mean over the batch.
            batches: Batches of equal size, over which the loss is averaged.
            parameters: Parameters to differentiate by; None: all that take a gradient.

        Raises:
            InputError: No parameter takes a gradient, or there is no batch.
        """
        self.model, self._loss, self.batches = model, repeatable(loss), list(batches)
        self.parameters = list(trained_parameters(model) if parameters is None else parameters)
        self.method = DOUBLE_BACKWARD
        self.products = 0
        if not self.parameters:
            raise InputError("no parameter of the model takes a gradient")
        if not self.batches:
            raise InputError("the curvature of a loss needs at least one batch")

    @property
    def size(self) -> int:
        """Number of parameters, n."""
        return sum(p.numel() for p in self.parameters)

    def loss(self) -> float:
        """The mean loss.

        Raises:
            InputError: The loss is not finite.
        """
        with torch.no_grad():
            values = [float(self._loss(self.model, batch)) for batch in self.batches]
        mean = sum(values) / len(values)
        if not mean - mean == 0:
            raise InputError(f"the loss is not finite: {mean}")
        return mean

    def gradient(self) -> Tensor:
        """The gradient of the mean loss (n,).

        Raises:
            InputError: The loss is not finite, or has no gradient.
        """
        total: Tensor | None = None
        for batch in self.batches:
            with twice_differentiable():
                loss = self._differentiable(batch)
                grads = torch.autograd.grad(loss, self.parameters, allow_unused=True)
            flat = flatten(self._filled(grads))
            total = flat if total is None else total + flat
        assert total is not None
        return total / len(self.batches)

    def product(self, vector: Tensor) -> Tensor:
        """The Hessian times a vector (n,).

        Raises:
            InputError: The loss is not finite, or has no gradient.
        """
        if not self.products and self._once_differentiable():
            self.method = DIFFERENCES
        self.products += 1
        if self.method == DOUBLE_BACKWARD:
            try:
                return self._double_backward(vector)
            except (RuntimeError, NotImplementedError) as error:
                if not _lacks_second_derivative(error):
                    raise
                self.method = DIFFERENCES
        return self._difference(vector)

    def _differentiable(self, batch: Any) -> Tensor:
        """The loss of a batch.

        Raises:
            InputError: It is not finite, or has no gradient.
        """
        loss = self._loss(self.model, batch)
        if not loss.requires_grad:
            raise InputError(NO_GRADIENT)
        if not torch.isfinite(loss):
            raise InputError(f"the loss is not finite: {float(loss.detach())}")
        return loss

    def _once_differentiable(self) -> bool:
        """Whether a custom function of the model says that its gradient is not differentiable.

        Torch raises no error where the gradient that enters such a function is constant, and
        returns a wrong product.
        """
        with twice_differentiable():
            node = self._loss(self.model, self.batches[0]).grad_fn
        seen, left = set(), [node]
        while left:
            node = left.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            function = getattr(type(node), "_forward_cls", None)
            if hasattr(getattr(function, "backward", None), "__wrapped__"):
                return True
            left += [following for following, _ in node.next_functions]
        return False

    def _double_backward(self, vector: Tensor) -> Tensor:
        parts = unflatten(vector, self.parameters)
        total = torch.zeros_like(vector)
        for batch in self.batches:
            with twice_differentiable():
                loss = self._differentiable(batch)
                grads = torch.autograd.grad(
                    loss, self.parameters, create_graph=True, allow_unused=True
                )
                used = [(g, v) for g, v in zip(grads, parts, strict=True) if g is not None]
                along = sum((g * v).sum() for g, v in used)
                assert isinstance(along, Tensor)
                if not along.requires_grad:  # linear in all parameters: no curvature
                    continue
                seconds = torch.autograd.grad(along, self.parameters, allow_unused=True)
            total += flatten(self._filled(seconds)).detach()
        return total / len(self.batches)

    def _difference(self, vector: Tensor) -> Tensor:
        """The central difference of gradients along a vector."""
        length = float(vector.norm())
        if length == 0:
            return torch.zeros_like(vector)
        weights = float(flatten([p.detach() for p in self.parameters]).norm())
        step = DIFFERENCE_STEP * max(weights, sqrt(self.size) * 1e-3) / length
        sides = []
        for sign in (1.0, -1.0):
            shift = unflatten(sign * step * vector, self.parameters)
            with moved(self.parameters, shift):
                sides.append(self.gradient().detach())
        return (sides[0] - sides[1]) / (2 * step)

    def _filled(self, grads: Sequence[Tensor | None]) -> list[Tensor]:
        """Gradients, zero where the loss does not depend on a parameter."""
        return [
            torch.zeros_like(p) if g is None else g
            for g, p in zip(grads, self.parameters, strict=True)
        ]


def _lacks_second_derivative(error: Exception) -> bool:
    """Whether an error says that an operation cannot be differentiated twice."""
    text = str(error)
    signs = (
        "derivative for",
        "is not implemented",
        "not differentiable",
        "once_differentiable",
        "does not require grad",
        "trying to differentiate twice",
    )
    return any(sign in text for sign in signs)
