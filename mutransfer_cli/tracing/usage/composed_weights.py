"""Weights that are products of parameters: B A of low-rank adapters, U V of low-rank factors.

`x @ (L R)` is `(x @ L) @ R`: each factor acts as the matrix of a layer of its own would, from its
rows to its columns, or from its columns to its rows where the product is used transposed. So the
product stands for L, whose columns run along its columns, and for R, whose rows run along its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from mutransfer_cli.tracing.roles import TWO_PARAMETERS, UseKind
from mutransfer_cli.tracing.torch_functions import einsum_labels
from mutransfer_cli.tracing.usage.torch_call import Call
from mutransfer_cli.tracing.views import Dims, ParameterViews


class Part(NamedTuple):
    """What a call does with a weight: kind of use, function, dimensions summed over and kept."""

    kind: UseKind
    function: str
    into: list[int]
    out: list[int]


class ComposedWeights:
    """The parameters that are factors of such products."""

    def __init__(self) -> None:
        """Start without products."""
        self._left: dict[str, str] = {}  # by factor on the left, the function that multiplied it
        self._right: dict[str, str] = {}

    def multiplied(self, views: ParameterViews, left: Tensor, right: Tensor, call: Call) -> bool:
        """Let a product of two weights stand for the factors of both; whether it is a matrix.

        Args:
            views: Finds the parameters that a tensor is, or stands for.
            left: The left factor.
            right: The right factor.
            call: The call that multiplies them.
        """
        if left.dim() != right.dim() or left.dim() < 2:
            return False
        self._left.update(dict.fromkeys(views.find(left), call.name))
        self._right.update(dict.fromkeys(views.find(right), call.name))
        views.stand_for(left, call.result)
        views.stand_for(right, call.result)
        return True

    def contracted(self, views: ParameterViews, call: Call) -> bool:
        """Do the same for a product that `einsum` computes; whether it is one.

        Args:
            views: Finds the parameters that a tensor is, or stands for.
            call: The call of `einsum`.
        """
        if call.name != "einsum":
            return False
        operands, labels, output = einsum_labels(call.args)
        if len(operands) != 2 or "..." in call.args[0] or not all(map(views.knows, operands)):
            return False
        summed = [c for c in labels[0] if c in labels[1] and c not in output]
        free = [c for c in output if (c in labels[0]) != (c in labels[1])]
        if len(summed) != 1 or len(free) < 2:
            return False
        for tensor, own in zip(operands, labels, strict=True):
            known = views.find(tensor)
            for name, dims in known.items():
                at = [own.index(c if c in own else summed[0]) for c in output]
                views.adopt(call.result, name, tuple(dims[d] for d in at))
            side = self._left if free[0] in own else self._right
            side.update(dict.fromkeys(known, call.name))
        return True

    def both_composed(self, views: ParameterViews, weights: Sequence[Tensor]) -> bool:
        """Whether two weights of one shape are both such products (LoHa multiplies them).

        Args:
            views: Finds the parameters that a tensor is, or stands for.
            weights: The weights.
        """
        same = len(weights) == 2 and weights[0].shape == weights[1].shape
        return same and all(self._is_product(views.find(t)) for t in weights)

    def _is_product(self, found: Mapping[str, Dims]) -> bool:
        return bool(found.keys() & self._left.keys() and found.keys() & self._right.keys())

    def acting(self, name: str, found: Mapping[str, Dims], part: Part) -> Part:
        """What a use of a product, or of a sum that contains one, is for one of its factors.

        Args:
            name: Name of the parameter.
            found: All parameters that the used tensor stands for.
            part: The use of that tensor.
        """
        multiplied_by = self._left.get(name) or self._right.get(name)
        if (
            not self._is_product(found)
            or multiplied_by is None
            or part.kind not in {"lookup", "elementwise"}
        ):
            return part
        if part.kind == "elementwise":  # which of the two acts as an activation is unknown
            return part._replace(kind="unknown", function=multiplied_by + TWO_PARAMETERS)
        if name in self._right:  # rows of L are looked up, and multiplied by R
            return Part("matrix", multiplied_by, [-2], [-1])
        return part
