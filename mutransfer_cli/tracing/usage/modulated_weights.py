"""Weights that activations multiply or mix before use: `conv(x, w * style)` in a modulated layer.

The product of a parameter and activations has more entries than the activations, and then acts on
other activations as a weight does. Entry by entry the parameter would look like a vector. A stack
of matrices may also be summed with activations as weights (soft merging of experts, conditional
convolutions); what acts is the sum.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod

from torch import Tensor, nn

from mutransfer_cli.tracing.roles import Use, UseKind
from mutransfer_cli.tracing.torch_functions import (
    CONVOLUTION,
    RIGHT_OR_LEFT,
    TRANSPOSED,
    contraction_parts,
    labels_of,
)
from mutransfer_cli.tracing.usage.torch_call import Call
from mutransfer_cli.tracing.views import Dims, ParameterViews

CONTRACTIONS = RIGHT_OR_LEFT | {"einsum", "tensordot"}
MULTIPLICATIONS = frozenset({"mul", "div", "true_divide"})
LEAST_MATRIX = 16  # entries of a sum of matrices for each activation that weights one
Acts = tuple[Tensor, UseKind, Sequence[int], Sequence[int]]  # weight, kind, summed, kept


class ModulatedWeights:
    """Follows products of parameters and activations until they act as a weight."""

    def __init__(self) -> None:
        """Start without products."""
        self._views = ParameterViews(nn.Module())
        self._mixed: dict[str, tuple[int, ...]] = {}

    def knows(self, operands: Collection[Tensor]) -> bool:
        """Whether one of them is such a product."""
        return bool(self._views.known) and any(self._views.knows(t) for t in operands)

    def multiplied(self, found: Mapping[str, Dims], call: Call) -> None:
        """Remember a product, if it has more entries than the activations in it.

        Args:
            found: The parameters in the product, with the dimensions of their view.
            call: The call, perhaps a multiplication.
        """
        if call.name not in MULTIPLICATIONS:
            return
        tracked = {id(t) for t in call.tracked}
        others = [t for t in call.args if isinstance(t, Tensor) and id(t) not in tracked]
        result = call.result
        if not isinstance(result, Tensor) or any(t.numel() == result.numel() for t in others):
            return
        for name, dims in found.items():
            self._views.adopt(result, name, ((),) * (result.dim() - len(dims)) + dims)

    def mixed(
        self,
        found: Mapping[str, Dims],
        position: int,
        parts: tuple[list[int], list[int]],
        call: Call,
        shapes: Mapping[str, Sequence[int]],
    ) -> None:
        """Remember a sum over a stack of matrices, with activations as the weights.

        Args:
            found: The parameters that are summed, with the dimensions of their view.
            position: Number of the view among the operands.
            parts: Dimensions of the view that are summed over, and those that are kept.
            call: The contraction.
            shapes: Shape of every parameter.
        """
        for name, dims in found.items():
            if len(shapes[name]) < 3:
                continue
            kept = kept_dims(call, position, parts[1])
            own = tuple(() if d is None else dims[d] for d in kept)
            over, result = spanned(dims, parts[0]), call.result
            if over and len({d for ds in own for d in ds}) > 1:
                flat = [shapes[name][d] for d in own[-1]]
                if len(flat) > 1 and prod(flat) == result.shape[-1]:
                    result = result.unflatten(-1, flat)
                    own = (*own[:-1], *((d,) for d in own[-1]))
                self._views.adopt(result, name, own)
                self._mixed[name] = over

    def follow(self, call: Call, module: str, order: int) -> list[tuple[str, Use]]:
        """The uses of parameters, each with its name, in a call.

        Args:
            call: The call.
            module: Name of the innermost module that is running.
            order: Number of the call.
        """
        acting = [a for a in weights_in(call) if self._views.knows(a[0])]
        if len(acting) == 1:
            ((tensor, kind, summed, kept),) = acting
            return [
                (name, Use(kind, spanned(dims, summed), spanned(dims, kept), call.name, module,
                           order=order, modulated=True, mixed_over=self._mixed.get(name, ())))
                for name, dims in self._views.find(tensor).items()
            ]  # fmt: skip
        if isinstance(call.result, Tensor) and not self._views.knows(call.result):
            for tensor in [t for t in call.args if isinstance(t, Tensor) and self._views.knows(t)]:
                if tensor.shape == call.result.shape:
                    self._views.stand_for(tensor, call.result)
                elif tensor.numel() == call.result.numel():
                    self._views.reshaped(tensor, call.result)
        return []


def kept_dims(call: Call, position: int, kept: Sequence[int]) -> Sequence[int | None]:
    """For each dimension of a contraction's result that of one operand, or None.

    Args:
        call: The contraction.
        position: Number of the operand.
        kept: Its dimensions that are kept.
    """
    if call.name == "einsum":
        labels, output = labels_of(call.args, position)
        named = [labels.index(c) if c in labels else None for c in output]
        return [None] * (call.result.dim() - len(named)) + named  # an ellipsis comes first
    others = [None] * (call.result.dim() - len(kept))
    return [*others, *kept] if position else [*kept, *others]


def makes_weight(
    name: str, learned: Tensor, activations: Collection[Tensor], result: Tensor
) -> bool:
    """Whether a product of a parameter and activations is one that may act as a weight.

    Args:
        name: Plain name of the function.
        learned: The parameter, or a view of it.
        activations: The other operands.
        result: The product.
    """
    largest = max((t.numel() for t in activations), default=result.numel())
    if name in MULTIPLICATIONS:
        return result.numel() > largest
    parameter = learned if learned._base is None else learned._base
    is_stack = parameter.dim() > 2 and name in CONTRACTIONS
    return is_stack and result.numel() >= LEAST_MATRIX * largest


def weights_in(call: Call) -> list[Acts]:
    """The operands of a call that may be its weight, with the dimensions summed over and kept.

    In a product of two tensors a parameter is the weight, and what it is multiplied by is not.
    """
    if call.name in CONVOLUTION | TRANSPOSED | {"linear"}:
        weight = call.arg(1, "weight")
        kernel = list(range(2, weight.dim()))
        into, out = ([0], [1]) if call.name in TRANSPOSED else ([1], [0])
        kind: UseKind = "matrix" if call.name == "linear" else "convolution"
        return [(weight, kind, into + kernel, out)]
    if call.tracked:
        return []
    if call.name in RIGHT_OR_LEFT and all(t.dim() > 1 for t in call.args[:2]):
        left, right = call.args[:2]
        return [(left, "matrix", [-1], [-2]), (right, "matrix", [-2], [-1])]
    if call.name == "einsum":
        operands, parts = contraction_parts(call.name, call.args, call.kwargs)
        pairs = zip(operands, parts, strict=True)
        return [(t, "matrix", into, out) for t, (into, out) in pairs if into]
    return []


def spanned(dims: Dims, which: Sequence[int]) -> tuple[int, ...]:
    """The parameter's own dimensions along some dimensions of its view."""
    return tuple(sorted({own for d in which if -len(dims) <= d < len(dims) for own in dims[d]}))


def as_weights(uses: Sequence[Use], growing: frozenset[int]) -> list[Use]:
    """The uses of a tensor, where it is a weight that activations modulate; else those as they are.

    A gain on activations, which then meet others, has no two dimensions that grow.

    Args:
        uses: All uses of the tensor.
        growing: Its dimensions that grow with the width.
    """
    weights = [
        u
        for u in uses
        if u.modulated and growing & {*u.in_dims} and growing & {*u.out_dims}
        if not growing & {*u.mixed_over}
    ]
    others = [u for u in uses if not u.modulated]
    if weights:
        mixed = {d for u in weights for d in u.mixed_over}
        others = [
            u
            for u in others
            if u.function not in (CONTRACTIONS if mixed else MULTIPLICATIONS)
            or (mixed and not mixed >= {*u.in_dims})
        ]
    return weights + others
