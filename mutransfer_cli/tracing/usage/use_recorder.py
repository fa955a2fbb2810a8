"""Records how each torch function uses the parameters among its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from mutransfer_cli.tracing.activations.embedding_scales import EmbeddingScales
from mutransfer_cli.tracing.roles import TWO_PARAMETERS, Attention, Gate, Trace, Use, UseKind
from mutransfer_cli.tracing.torch_functions import (
    ADDED,
    CONVOLUTION,
    ELEMENTWISE,
    INDEXED,
    KEPT_STATISTICS,
    MIXING,
    NORMS,
    RECURRENT,
    REPEATED,
    RESHAPED,
    RIGHT_OR_LEFT,
    TRANSPOSED,
    contraction_parts,
    tensors_in,
)
from mutransfer_cli.tracing.usage.composed_weights import ComposedWeights, Part
from mutransfer_cli.tracing.usage.grouped_uses import GateOf, gates_in, mixed_gates
from mutransfer_cli.tracing.usage.modulated_weights import ModulatedWeights, spanned
from mutransfer_cli.tracing.usage.summed_products import SummedProducts
from mutransfer_cli.tracing.usage.torch_call import Call
from mutransfer_cli.tracing.usage.weight_gains import WeightGains, gains_of_torch
from mutransfer_cli.tracing.views import Dims, ParameterViews, is_view


class UseRecorder:
    """Records the uses of a model's parameters, call by call.

    Attributes:
        trace: The uses recorded so far.
        views: Finds the parameters that a tensor is a view of.
        scales: Tracks the numbers by which embeddings are multiplied.
        products: Remembers products of a parameter and activations, which may be summed later.
        modulated: Follows products of that kind that act as weights later.
        factors: Knows the products of parameters that act as weights, such as those of LoRA.
        module_stack: Names of the running modules, each with its first argument.
        used: Kind of use of each parameter that the current call used.
        weight_gains: Finds the gains of weight normalization.
        constant: Whether no argument of the current call depends on the model's input.
        order: Number of the current call.
    """

    def __init__(self, model: nn.Module) -> None:
        """Create a recorder for a model's parameters."""
        shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
        self.trace = Trace(shapes, {name: [] for name in shapes})
        self.views = ParameterViews(model)
        self.scales = EmbeddingScales(self.trace.after)
        self.products = SummedProducts()
        self.modulated = ModulatedWeights()
        self.factors = ComposedWeights()
        self.module_stack: list[tuple[str, Any]] = [("", None)]
        self.used: dict[str, UseKind] = {}
        self.weight_gains = WeightGains(model)
        self.constant = False
        self.order = 0

    def find(self, tensor: Any) -> dict[str, Dims]:
        """The parameters that a tensor is (a view of), and its dimensions in each of them."""
        return self.views.find(tensor)

    def record(self, call: Call) -> None:
        """Record what one call does with the parameters among its arguments."""
        if handler := HANDLERS.get(call.name):
            handler(self, call)
        elif call.name in INDEXED and not is_view(call.result, call.tracked):
            first = call.tracked[0]
            self.use(first, "lookup", [], list(range(1, first.dim())), call.name, None)
        elif call.name in ELEMENTWISE and len(list(tensors_in((call.args, call.kwargs)))) > 1:
            self._elementwise(call)
        elif not is_view(call.result, call.tracked):
            self._derived(call)

    def use(
        self,
        tensor: Any,
        kind: UseKind,
        into: list[int],
        out: list[int],
        function: str,
        other: Any,
        groups: int = 1,
        gates: Sequence[GateOf] = (),
    ) -> None:
        """Record one use.

        Args:
            tensor: The tensor that was used; nothing is recorded unless it is a parameter.
            kind: Kind of use.
            into: Dimensions of this tensor that are summed over.
            out: Dimensions of this tensor that are kept in the result.
            function: Name of the function.
            other: The other operand.
            groups: Number of groups of a convolution.
            gates: Dimensions summed over with weights, with the number and total of the weights.
        """
        module, argument = self.module_stack[-1]
        found = self.find(tensor)
        for name, dims in found.items():
            part = self.factors.acting(name, found, Part(kind, function, into, out))
            summed, kept = spanned(dims, part.into), spanned(dims, part.out)
            sizes = sum(n > 1 for n in self.trace.shapes[name])
            use = Use(
                "unknown"
                if set(summed) & set(kept)
                else part.kind,  # one dimension, folded into both
                summed,
                kept,
                part.function,
                module,
                whole_input=other is argument is not None,
                order=self.order,
                stacked=part.kind == "matrix" and len(summed + kept) < sizes,
                groups=groups,
                gates=tuple(
                    Gate(own, n, size, mixed)
                    for d, n, size, mixed in gates
                    if d < len(dims)
                    for own in dims[d]
                )
                or mixed_gates(
                    [
                        [(own, self.trace.shapes[name][own]) for own in dims[d]]
                        for d in into
                        if -len(dims) <= d
                    ],
                    None if self.views.knows(other) else other,
                ),
            )
            if self.used.get(name) not in {"matrix", "convolution"}:
                self.used[name] = use.kind
            if use not in self.trace.uses[name]:
                self.trace.uses[name].append(use)

    def summed(self, call: Call) -> None:
        """Record a product of a parameter and activations that is summed: a contraction of both."""
        found = self.products.summed(call.arg(0, "input"), call.arg(1, "dim"))
        if found is None:
            return
        for name in self.find(found.parameter):
            uses = self.trace.uses[name]
            uses[:] = [u for u in uses if u.function != "mul" or u.order != found.order]
        self.use(found.parameter, "matrix", found.summed, found.kept, call.name, None)

    def linear(self, call: Call) -> None:
        """Record `linear`, whose input may be a parameter too."""
        given = call.arg(0, "input")
        self.use(call.arg(1, "weight"), "matrix", [-1], [-2], call.name, given)
        self.use(call.arg(2, "bias"), "elementwise", [], [0], call.name, None)
        learned: UseKind = "elementwise" if given is self.module_stack[-1][1] else "unknown"
        self.use(given, learned, [], [-1], call.name, None)

    def embedding(self, call: Call) -> None:
        """Record a lookup in an embedding."""
        weight = call.arg(1, "weight")
        self.use(weight, "lookup", [], [1], call.name, call.arg(0, "input"))
        self.scales.looked_up(call.result, self.find(weight))

    def product(self, call: Call) -> None:
        """Record a product of two tensors, to which a third may be added (addmm)."""
        others = ("mat1", "mat2", "other")
        operands = [*call.args, *(call.kwargs[k] for k in others if k in call.kwargs)]
        if call.name in ADDED:
            self.use(operands.pop(0), "elementwise", [], [-1], call.name, None)
        left, right = operands[:2]
        both = bool(self.find(left) and self.find(right))
        if both and self.constant and self.factors.multiplied(self.views, left, right, call):
            return
        kind: UseKind = "unknown" if both else "matrix"
        function = call.name + TWO_PARAMETERS if both else call.name
        self.use(left, kind, *([0], []) if left.dim() == 1 else ([-1], [-2]), function, right)
        self.use(right, kind, *([0], []) if right.dim() == 1 else ([-2], [-1]), function, left)
        if right.dim() == 2 and not both:
            self.modulated.mixed(self.find(right), 1, ([0], [1]), call, self.trace.shapes)

    def contraction(self, call: Call) -> None:
        """Record `einsum` and other sums of products."""
        operands, parts = contraction_parts(call.name, call.args, call.kwargs)
        several = sum(bool(self.find(t)) for t in operands) > 1
        if several and self.constant and self.factors.contracted(self.views, call):
            return
        for i, (tensor, (into, out)) in enumerate(zip(operands, parts, strict=True)):
            kind: UseKind = "unknown" if several else "matrix" if into else "elementwise"
            learned = call.name == "einsum" and bool(self.find(tensor))
            gates = gates_in(call.args, i) if learned else []
            self.use(tensor, kind, into, out, call.name, None, gates=gates)
            if not several:
                self.modulated.mixed(self.find(tensor), i, (into, out), call, self.trace.shapes)

    def convolution(self, call: Call) -> None:
        """Record a convolution, transposed or not."""
        weight = call.arg(1, "weight")
        kernel = list(range(2, weight.dim()))
        into, out = ([1], [0]) if call.name in CONVOLUTION else ([0], [1])
        groups = call.arg(6, "groups") or 1
        given = call.arg(0, "input")
        self.use(weight, "convolution", into + kernel, out, call.name, given, groups)
        self.use(given, "elementwise", [], list(range(given.dim())), call.name, None)
        self.use(call.arg(2, "bias"), "elementwise", [], [0], call.name, None)

    def attention_layer(self, call: Call) -> None:
        """Record multi-head attention with its projections, as torch's own layer calls it."""
        size = int(call.arg(3, "embed_dim_to_check")) // int(call.arg(4, "num_heads"))
        self.trace.attention.append(Attention(size, size**-0.5, self.module_stack[-1][0]))
        self._layers(call, call.args[:3])

    def experts(self, call: Call) -> None:
        """Record a grouped product with a stack of experts."""
        self.use(call.arg(1, "mat2"), "matrix", [-2], [-1], call.name, call.arg(0, "input"))

    def recurrent(self, call: Call) -> None:
        """Record recurrent layers and cells."""
        self._layers(call, call.args[:2])

    def cosine_similarity(self, call: Call) -> None:
        """Record the cosines of inputs and learned vectors."""
        dim = int(call.arg(2, "dim") if call.arg(2, "dim") is not None else 1)
        first, second = call.arg(0, "x1"), call.arg(1, "x2")
        for tensor, other in ((first, second), (second, first)):
            kept = [d for d in range(tensor.dim()) if d != dim % tensor.dim()]
            self.use(tensor, "matrix", [dim % tensor.dim()], kept, call.name, other)

    def bilinear(self, call: Call) -> None:
        """Record `bilinear`."""
        self.use(call.arg(2, "weight"), "matrix", [1, 2], [0], call.name, None)
        self.use(call.arg(3, "bias"), "elementwise", [], [0], call.name, None)

    def weight_norm(self, call: Call) -> None:
        """Let g · V / |V| stand for V; g is a gain on the rows that are normalized."""
        gain = call.arg(1, "g")
        self.views.stand_for(call.arg(0, "v"), call.result)
        self.use(gain, "elementwise", [], list(range(gain.dim())), call.name, None)
        self.trace.gains.update(gains_of_torch(self.views, call))

    def _layers(self, call: Call, inputs: Any) -> None:
        """Record several layers in one function: weights (out, in), biases, and learned inputs."""
        for tensor in call.tracked:
            if tensor.dim() == 2 and not any(tensor is t for t in tensors_in(inputs)):
                self.use(tensor, "matrix", [-1], [-2], call.name, None)
            else:
                self.use(tensor, "elementwise", [], list(range(tensor.dim())), call.name, None)

    def _elementwise(self, call: Call) -> None:
        for tensor in call.tracked:
            if call.name == "mul" and self.factors.both_composed(self.views, call.tracked):
                self.use(tensor, "unknown", [], [], call.name + TWO_PARAMETERS, None)
            elif self.constant and call.name in {"cat", "stack"}:  # a fused weight
                self.views.stand_for(tensor, call.result, call.arg(1, "dim") or 0)
            elif self.constant and tensor.shape == call.result.shape:  # masked, or scaled
                self.trace.gains.update(self.weight_gains.found(self.views, call))
                self.views.stand_for(tensor, call.result)
            else:
                self.use(tensor, "elementwise", [], list(range(tensor.dim())), call.name, None)
                if call.name == "mul":
                    self.products.multiplied(tensor, call.result, self.order)
                self.modulated.multiplied(self.find(tensor), call)

    def _derived(self, call: Call) -> None:
        """Let a copy, cast or elementwise function of one parameter stand for it from here on."""
        if len(call.tracked) == 1:
            (first,), result = call.tracked, call.result
            if call.name in RESHAPED and result.numel() == first.numel():
                self.views.reshaped(first, result)
                return
            entrywise = call.name not in MIXING and isinstance(result, Tensor)
            if call.name in REPEATED or (entrywise and result.shape == first.shape):
                self.views.stand_for(first, result)
                return
        kept = call.name in KEPT_STATISTICS and bool(call.kwargs.get("keepdim"))
        if self.constant and (call.name in NORMS or kept):
            return
        for tensor in call.tracked:
            self.use(tensor, "unknown", [], [], call.name, None)


HANDLERS: dict[str, Callable[[UseRecorder, Call], None]] = {
    "linear": UseRecorder.linear,
    "embedding": UseRecorder.embedding,
    "embedding_bag": UseRecorder.embedding,
    **dict.fromkeys(RIGHT_OR_LEFT | ADDED, UseRecorder.product),
    **dict.fromkeys(("einsum", "tensordot", "inner"), UseRecorder.contraction),
    **dict.fromkeys(CONVOLUTION | TRANSPOSED, UseRecorder.convolution),
    "multi_head_attention_forward": UseRecorder.attention_layer,
    **dict.fromkeys(("_grouped_mm", "grouped_mm"), UseRecorder.experts),
    **dict.fromkeys(RECURRENT, UseRecorder.recurrent),
    "bilinear": UseRecorder.bilinear,
    "cosine_similarity": UseRecorder.cosine_similarity,
    "_weight_norm": UseRecorder.weight_norm,
}
