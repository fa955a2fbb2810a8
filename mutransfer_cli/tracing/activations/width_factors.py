"""Follows the numbers by which a model multiplies activations and weights, from use to use.

A model may multiply by a power of the width itself: the weight (W / √n), its input or its output.
This module records the numbers at one size; `model_factors` compares two sizes. Results of layers
are followed through functions that are linear in them, up to the next layer or nonlinearity. A
tensor of unit vectors carries its own size as a factor (cosine similarity), because its entries
shrink with the width by definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from mutransfer_cli.tracing.activations.attention_scores import PRODUCTS
from mutransfer_cli.tracing.activations.flows import (
    UNKNOWN,
    Consumption,
    Flow,
    FollowedCall,
    UseId,
    joined,
)
from mutransfer_cli.tracing.activations.residual_branches import ADD, LINEAR, storage_pointer
from mutransfer_cli.tracing.activations.unit_vectors import unit_size
from mutransfer_cli.tracing.torch_functions import ADDED, constant_value

# Functions that are linear in all their arguments, or in the only one.
PASSED_ON = (
    (LINEAR - {"mul", "div", "true_divide"})
    | ADD
    | {"sub", "cat", "stack", "where", "masked_fill", "tril", "triu", "index_select", "gather"}
    | {"repeat_interleave", "repeat", "tile", "chunk", "split", "unbind", "flip", "pad", "mean"}
    | {"half", "bfloat16", "double", "detach", "scatter", "scatter_add", "real", "cumsum", "narrow"}
    | {"fft_rfft", "fft_irfft", "fft_fft", "fft_ifft", "fft_rfft2", "fft_irfft2", "hstack", "index"}
    | {"rsub", "unflatten", "select", "as_tensor", "complex", "avg_pool1d", "avg_pool2d"}
)
MOST_PARTS = 32  # of one activation; more take too long
MATRIX_KINDS = frozenset({"matrix", "convolution"})
NORMALIZATIONS = frozenset(
    {"layer_norm", "rms_norm", "group_norm", "batch_norm", "instance_norm", "normalize"}
)
WITHOUT_VALUES = frozenset({"zeros_like", "ones_like", "empty_like", "full_like", "size", "dim"})
MULTIPLICATIONS = frozenset({"mul", "multiply", "div", "divide", "true_divide"})
# Layers whose result is linear in each of their weights.
LINEAR_LAYERS = frozenset(
    {"linear", "matmul", "mm", "bmm", "mv", "addmm", "baddbmm", "addmv", "einsum", "tensordot"}
    | {"inner", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "bilinear"}
    | {"conv_transpose3d", "_grouped_mm", "grouped_mm", "getitem", "index_select", "index"}
)


class WidthFactors:
    """Follows all activations of one forward pass.

    Attributes:
        consumed: What consumed which activation, in the order of the forward pass.
        weight_factors: For each use of a parameter, the number by which the weight was multiplied.
        layers: For each use, name of the module that was running.
        matrices: The uses as a matrix or a convolution.
        composed: Factors of weights, such as B and A in W + B A, whose norm is that of W.
    """

    def __init__(self) -> None:
        """Start without activations."""
        self.consumed: list[Consumption] = []
        self.weight_factors: dict[UseId, float] = {}
        self.layers: dict[UseId, str] = {}
        self.matrices: set[UseId] = set()
        self.composed: set[str] = set()
        self._flows: dict[int, Flow] = {}
        self._weights: dict[int, dict[str, float]] = {}  # by storage, of what stands for parameters
        self._unread: dict[int, None] = {}
        self._counts: dict[str, int] = {}
        self._alive: list[Tensor] = []  # a freed storage's address could be given out again

    def follow(
        self,
        call: FollowedCall,
        names: Callable[[Tensor], Iterable[str]],
        live: Callable[[Tensor], bool],
    ) -> None:
        """Follow one call.

        Args:
            call: The call.
            names: The parameters that a tensor is, or stands for.
            live: Whether a tensor depends on the model's input.
        """
        if (not call.results and call.name != "setitem") or call.name in WITHOUT_VALUES:
            return
        for tensor in call.activations:
            self._unread.pop(storage_pointer(tensor), None)
        if call.weights:
            self._weighted(call, names, live)
        else:
            self._unweighted(call, live)

    def finished(self) -> None:
        """Record what the forward pass returned."""
        for storage in self._unread:
            self.consumed.append(Consumption(self._flows[storage], None, ""))

    def _weighted(
        self,
        call: FollowedCall,
        names: Callable[[Tensor], Iterable[str]],
        live: Callable[[Tensor], bool],
    ) -> None:
        """Follow a call that has a parameter, or what stands for one, among its arguments."""
        if not call.uses:  # a function of weights only
            self._computed(call, names, live)
            return
        if not call.activations and any(self.composed.intersection(names(t)) for t in call.weights):
            self._computed(call, names, live)  # with a gain, such as DoRA's
        matrices = [n for n, kind in call.uses.items() if kind in MATRIX_KINDS]
        if call.name in MULTIPLICATIONS or (not matrices and call.name in PASSED_ON):
            flow = self._joined(call.activations)
            added = call.name in PASSED_ON and bool(call.activations)
            new = self._uses(call, names) if added or not matrices else []
            if call.name in MULTIPLICATIONS:
                new = []
            flow = replace(flow, parts=flow.parts | {(u, 1.0) for u in new})
            self._set(call.results, self._bounded(flow, call))
            return
        uses = self._uses(call, names)
        if call.name == "cosine_similarity":  # of unit vectors, whose entries are 1/√width each
            dim = call.kwargs.get("dim", call.args[2] if len(call.args) > 2 else 1)
            for use in uses:
                self.weight_factors[use] = 1 / call.weights[0].shape[dim]
            self._set(call.results, Flow(frozenset((u, 1.0) for u in uses)))
            return
        for use in uses:
            self.weight_factors[use] *= added_factor(
                call, "alpha" if use[0] in matrices else "beta"
            )
        consumer = next((u for u in uses if u[0] in matrices), None)
        for tensor in distinct(call.activations):
            if tensor.is_floating_point() or tensor.is_complex():
                self._consume(tensor, consumer, call)
        parts = frozenset((u, 1.0) for u in uses) if call.name in LINEAR_LAYERS else None
        flow = Flow(parts) if parts else self._origin()
        self._set(call.results, replace(flow, looked_up=call.name.startswith("embedding")))

    def _computed(
        self,
        call: FollowedCall,
        names: Callable[[Tensor], Iterable[str]],
        live: Callable[[Tensor], bool],
    ) -> None:
        """Follow a weight that is computed from others, alone or in a sum or product of them."""
        own = [self._factors_on(t, names) for t in call.weights]
        factors = {name: factor for found in reversed(own) for name, factor in found.items()}
        if call.name in LINEAR_LAYERS and len(own) == 2:  # each is multiplied by the other's too
            others = [next(iter(found.values()), 1.0) for found in reversed(own)]
            pairs = list(zip(own, others, strict=True))
            factors = {n: f * other for found, other in pairs for n, f in found.items()}
            self.composed.update(factors)
        number = number_in(call.name, call.args, live, vectors=True)
        for result in call.results:
            if storage_pointer(result) == storage_pointer(call.weights[0]):
                continue  # a view
            size = unit_size(call) if number is None else None
            if call.normed:  # a gain is their norm now
                size, factors = None, {**factors, **dict.fromkeys(call.normed, 1.0)}
            self._weights[storage_pointer(result)] = {
                name: size if size and name not in self.composed else factor * (number or 1.0)
                for name, factor in factors.items()
            }
            self._alive.append(result)

    def _factors_on(
        self, tensor: Tensor, names: Callable[[Tensor], Iterable[str]]
    ) -> dict[str, float]:
        """For each parameter that a tensor stands for, the number by which it was multiplied."""
        known = self._weights.get(storage_pointer(tensor), {})
        return {name: known.get(name, 1.0) for name in names(tensor)}

    def _unweighted(self, call: FollowedCall, live: Callable[[Tensor], bool]) -> None:
        """Follow a call without parameters among its arguments."""
        alpha = call.kwargs.get("alpha")
        number = number_in(call.name, call.args, live, vectors=True)
        moving = distinct(t for t in call.activations if live(t))
        if call.name == "setitem":
            flow = self._joined(moving)
            if isinstance(call.args[0], Tensor):
                self._set([call.args[0]], flow)
        elif number is not None:
            self._set(call.results, self._joined(moving).scaled(number, call.module))
        elif call.name in ADD and alpha is not None and len(call.activations) == 2:
            first, second = (self._flow(t) for t in call.activations)
            self._set(call.results, joined([first, second.scaled(float(alpha), call.module)]))
        elif call.name in PASSED_ON or all_views(call):
            self._set(call.results, self._bounded(self._joined(moving), call))
        elif call.name in MULTIPLICATIONS and len(moving) == 1 and len(call.activations) == 2:
            self._set(call.results, self._joined(moving))  # by a constant tensor
        elif call.name in PRODUCTS or call.name == "scaled_dot_product_attention":
            self._set(call.results, self._origin())  # attention has rules of its own
        else:
            size = None
            if call.name in MULTIPLICATIONS or call.name == "normalize":
                size = unit_size(call)
            for tensor in moving:
                self._consume(tensor, None, call, size is not None)
            self._set(call.results, self._origin(size))

    def _uses(self, call: FollowedCall, names: Callable[[Tensor], Iterable[str]]) -> list[UseId]:
        """New numbers for the uses of this call."""
        factors = {n: f for t in call.weights for n, f in self._factors_on(t, names).items()}
        uses = []
        for name in call.uses:
            use = (name, self._counts.get(name, 0))
            self._counts[name] = use[1] + 1
            self.weight_factors[use] = factors.get(name, 1.0)
            self.layers[use] = call.module
            if call.uses[name] in MATRIX_KINDS:
                self.matrices.add(use)
            uses.append(use)
        return uses

    def _flow(self, tensor: Tensor) -> Flow:
        return self._flows.get(storage_pointer(tensor), UNKNOWN)

    def _joined(self, tensors: Iterable[Tensor]) -> Flow:
        return joined([self._flow(t) for t in tensors])

    def _bounded(self, flow: Flow, call: FollowedCall) -> Flow:
        """The flow, as that of one origin if it has very many parts, as the stream of a deep model.

        Its parts so far keep the factors that they have; a later one belongs to its consumer.
        """
        if len(flow.parts) <= MOST_PARTS:
            return flow
        self.consumed.append(Consumption(flow, None, call.module, scale_free=True))
        return self._origin()

    def _origin(self, size: float | None = None) -> Flow:
        """The flow of what no layer is known to have given; `size`: of unit vectors."""
        self._counts[""] = self._counts.get("", 0) + 1
        number = self._counts[""] * (1 if size is None else -1)  # never compared with each other
        return Flow(frozenset({(("", number), size or 1.0)}))

    def _consume(
        self, tensor: Tensor, consumer: UseId | None, call: FollowedCall, normalized: bool = False
    ) -> None:
        scale_free = normalized or call.name in NORMALIZATIONS
        flow = self._flow(tensor)
        self.consumed.append(Consumption(flow, consumer, call.module, scale_free))

    def _set(self, results: Iterable[Tensor], flow: Flow) -> None:
        for result in results:
            self._flows[storage_pointer(result)] = flow
            self._unread[storage_pointer(result)] = None
            self._alive.append(result)


def distinct(tensors: Iterable[Tensor]) -> list[Tensor]:
    """The tensors without those that share a storage with an earlier one."""
    return list({storage_pointer(t): t for t in tensors}.values())


def all_views(call: FollowedCall) -> bool:
    """Whether a call returns views of its arguments, without having changed them."""
    given = {storage_pointer(t) for t in call.activations}
    changed = {id(t) for t in call.activations}
    return all(storage_pointer(t) in given and id(t) not in changed for t in call.results)


def added_factor(call: FollowedCall, key: str) -> float:
    """The number by which addmm multiplies its product (alpha) or what it adds to it (beta)."""
    value = call.kwargs.get(key, 1.0) if call.name in ADDED else 1.0
    return float(value) or 1.0


def number_in(
    name: str, args: Sequence[Any], live: Callable[[Tensor], bool], vectors: bool = False
) -> float | None:
    """The number by which a call multiplies a tensor; None: it does something else.

    Args:
        name: Name of the function.
        args: Its positional arguments.
        live: Whether a tensor depends on the model's input.
        vectors: Whether a tensor that is filled with one number counts as that number.
    """
    if name not in MULTIPLICATIONS or len(args) < 2:
        return None
    inverse = name not in {"mul", "multiply"}
    for value, inverted in ((args[1], inverse), (args[0], False)):
        if isinstance(value, Tensor) and not live(value):
            is_number = value.numel() == 1 or (vectors and not value.requires_grad)
            value = constant_value(value) if is_number else None
        if isinstance(value, int | float) and value and abs(value) != float("inf"):
            return float(1 / value if inverted else value)
    return None
