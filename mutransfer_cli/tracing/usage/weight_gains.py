"""Weight normalization that a model computes by itself: W = g · V / |V|, in any order.

`torch.nn.utils.weight_norm` is a function of its own (see `UseRecorder.weight_norm`). Written by
hand it shows in the numbers: the product of a gain and a weight that was divided by a number for
each row has rows whose norm is the gain.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from mutransfer_cli.tracing.activations.residual_branches import storage_pointer
from mutransfer_cli.tracing.roles import Gain
from mutransfer_cli.tracing.usage.torch_call import Call
from mutransfer_cli.tracing.views import ParameterViews

SAME_NORM = 1e-3  # relative, between the norm of a row and its gain; an epsilon may be added


class WeightGains:
    """Finds the gains of weight normalization among products of two parameters.

    Attributes:
        normed: Names of the directions whose norm a gain has replaced in the current call.
    """

    def __init__(self, model: nn.Module) -> None:
        """Start without products of a model's parameters."""
        self.normed: set[str] = set()
        self._parameters = {name: p.detach() for name, p in model.named_parameters()}
        self._storages = {storage_pointer(p) for p in self._parameters.values()}
        self._products: dict[int, tuple[Tensor, Tensor]] = {}  # by storage: gain, product

    def found(self, views: ParameterViews, call: Call) -> dict[str, Gain]:
        """By gain, what it multiplies, where a call completes g · V / |V|.

        Args:
            views: Finds the parameters that a tensor is, or stands for.
            call: A call of which no argument depends on the model's input.
        """
        result, operands = call.result, call.args[:2]
        if call.name in {"div", "true_divide"} and storage_pointer(operands[0]) in self._products:
            gain, weight = self._products[storage_pointer(operands[0])]
        elif call.name == "mul" and len(call.tracked) == 2:
            gain, weight = sorted(call.tracked, key=Tensor.numel)
            if {storage_pointer(gain), storage_pointer(weight)} <= self._storages:
                # neither is divided by the norm, so far
                self._products[storage_pointer(result)] = gain, result
                return {}
        else:
            return {}
        own = views.find(gain)
        directions = {n: dims for n, dims in views.find(weight).items() if n not in own}
        kept = dimensions_kept(gain, result)
        if len(own) != 1 or len(directions) != 1:
            return {}
        if not is_norm(self._parameters[next(iter(own))], result, kept):  # `gain` may be g / |V|
            return {}
        ((matrix, dims),) = directions.items()
        rows = {own_dim for d in kept for own_dim in dims[d]}
        if len(rows) > 1:
            return {}
        self.normed.add(matrix)
        return dict.fromkeys(own, Gain(matrix, next(iter(rows), None)))


def gains_of_torch(views: ParameterViews, call: Call) -> dict[str, Gain]:
    """By gain, what it multiplies, of a call of torch's own weight normalization.

    Args:
        views: Finds the parameters that a tensor is, or stands for.
        call: The call.
    """
    dim = call.arg(2, "dim") or 0
    matrices = [Gain(matrix, dim if dim >= 0 else None) for matrix in views.find(call.arg(0, "v"))]
    return {name: gain for name in views.find(call.arg(1, "g")) for gain in matrices}


def dimensions_kept(gain: Tensor, result: Tensor) -> list[int]:
    """The dimensions of a product along which its gain has several entries."""
    offset = result.dim() - gain.dim()
    return [d + offset for d, size in enumerate(gain.shape) if size > 1]


def is_norm(gain: Tensor, result: Tensor, kept: Collection[int]) -> bool:
    """Whether the norms of a product along all other dimensions are its gain."""
    others = [d for d in range(result.dim()) if d not in kept]
    if not others or not bool(gain.any()):
        return False
    norms = torch.linalg.vector_norm(result.detach().float(), dim=others)
    if norms.numel() != gain.numel():
        return False
    return torch.allclose(norms.flatten(), gain.detach().float().abs().flatten(), rtol=SAME_NORM)
