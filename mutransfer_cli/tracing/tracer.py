"""Watching one forward pass: which function consumes each parameter, and along which dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mutransfer_cli.tracing.attention_scores import Scores, by_number
from mutransfer_cli.tracing.embedding_scales import Lookups
from mutransfer_cli.tracing.residual_branches import Branches, pointer
from mutransfer_cli.tracing.roles import TWO, Attention, Kind, Trace, Use
from mutransfer_cli.tracing.torch_functions import (
    ADDED,
    CONVOLUTION,
    ELEMENTWISE,
    MIXING,
    RECURRENT,
    RIGHT_OR_LEFT,
    TRANSPOSED,
    contraction,
    plain_name,
    tensors_in,
)
from mutransfer_cli.tracing.views import Dims, Views, is_view


class Watcher(TorchFunctionMode):
    """Records the uses of a model's parameters while its forward pass runs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        named = dict(model.named_parameters())
        self.trace = Trace({name: tuple(p.shape) for name, p in named.items()})
        self.trace.uses = {name: [] for name in named}
        self.stack: list[tuple[str, Any]] = [("", None)]
        self.views = Views(model)
        self.branches = Branches()
        self.scores = Scores()
        self.lookups = Lookups(self.trace.after)
        self.used: set[str] = set()  # by the function that is running
        self.calls = 0
        self.live: set[int] = set()  # storages of what depends on the model's input
        self.constant = False  # nothing that the running function got does
        self.alive: list[Tensor] = []  # what the model was given: see `live`

    def find(self, tensor: Any) -> dict[str, Dims]:
        """The parameters that a tensor is (a view of), and its dimensions in each of them."""
        return self.views.find(tensor)

    def use(
        self,
        tensor: Any,
        kind: Kind,
        into: list[int],
        out: list[int],
        function: str,
        other: Any,
        groups: int = 1,
    ) -> None:
        """Record a use; `into` and `out` are dimensions of the tensor as it was consumed."""
        module, argument = self.stack[-1]

        def pick(which: list[int], dims: Dims) -> tuple[int, ...]:
            found = {dims[d] for d in which if -len(dims) <= d < len(dims)}
            return tuple(sorted(d for d in found if d is not None))

        for name, dims in self.find(tensor).items():
            summed, kept = pick(into, dims), pick(out, dims)
            sizes = sum(n > 1 for n in self.trace.shapes[name])
            use = Use(
                "unknown" if set(summed) & set(kept) else kind,  # one dimension, folded into both
                summed,
                kept,
                function,
                module,
                whole_input=other is argument is not None,
                order=self.calls,
                stacked=kind == "matrix" and len(summed + kept) < sizes,
                groups=groups,
                scale=self.lookups.scale(other),
            )
            self.used.add(name)
            if use not in self.trace.uses[name]:
                self.trace.uses[name].append(use)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = plain_name(func)
        result = func(*args, **kwargs)
        if name == "scaled_dot_product_attention":
            self._attention(args, kwargs)
        operands, results = list(tensors_in((args, kwargs))), list(tensors_in(result))
        tracked = [t for t in operands if self.find(t)]
        self.used.clear()
        self.calls += 1
        self.constant = bool(self.live) and not any(pointer(t) in self.live for t in operands)
        if not self.constant:
            self.live.update(pointer(t) for t in results if self.live)
        if tracked and results:
            self._consume(name, args, kwargs, result, tracked)
        self.branches.saw(name, operands, results, frozenset(self.used))
        attention = self.scores.saw(
            name, args, operands, results, lambda t: bool(self.find(t)), kwargs.get("alpha", 1.0)
        )
        if attention is not None:
            self.trace.attention.append(Attention(*attention, self.stack[-1][0]))
        number = by_number(name, args) if not any(self.find(t) for t in operands) else None
        if number is not None and len(results) == 1:
            self.lookups.multiplied(operands, number, results[0])
        return result

    def _attention(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        query = args[0] if args else kwargs["query"]
        key = args[1] if len(args) > 1 else kwargs["key"]
        size, given = int(query.shape[-1]), kwargs.get("scale")
        scale = (float(given) if given is not None else size**-0.5) * self.scores.factor(query, key)
        self.trace.attention.append(Attention(size, scale, self.stack[-1][0]))

    def _consume(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, tracked: Any
    ) -> None:
        def arg(position: int, key: str) -> Any:
            return args[position] if len(args) > position else kwargs.get(key)

        def last(tensor: Tensor, left: bool) -> tuple[list[int], list[int]]:
            if tensor.dim() == 1:
                return [0], []
            return ([-1], [-2]) if left else ([-2], [-1])

        if name == "linear":
            self.use(arg(1, "weight"), "matrix", [-1], [-2], name, arg(0, "input"))
            self.use(arg(2, "bias"), "elementwise", [], [0], name, None)
            learned: Kind = "elementwise" if arg(0, "input") is self.stack[-1][1] else "unknown"
            self.use(arg(0, "input"), learned, [], [-1], name, None)
        elif name in {"embedding", "embedding_bag"}:
            self.use(arg(1, "weight"), "lookup", [], [1], name, arg(0, "input"))
            self.lookups.began(result, self.find(arg(1, "weight")))
        elif name in RIGHT_OR_LEFT or name in ADDED:
            operands = list(args) + [kwargs[k] for k in ("mat1", "mat2", "other") if k in kwargs]
            if name in ADDED:
                self.use(operands.pop(0), "elementwise", [], [-1], name, None)
            left, right = operands[:2]
            both = bool(self.find(left) and self.find(right))
            kind: Kind = "unknown" if both else "matrix"
            said = name + TWO if both else name
            self.use(left, kind, *last(left, True), said, right)
            self.use(right, kind, *last(right, False), said, left)
        elif name in {"einsum", "tensordot", "inner"}:
            self._contraction(*contraction(name, args, kwargs), name)
        elif name in CONVOLUTION or name in TRANSPOSED:
            weight = arg(1, "weight")
            kernel = list(range(2, weight.dim()))
            into, out = ([1], [0]) if name in CONVOLUTION else ([0], [1])
            groups = arg(6, "groups") or 1
            self.use(weight, "convolution", into + kernel, out, name, arg(0, "input"), groups)
            self.use(arg(2, "bias"), "elementwise", [], [0], name, None)
        elif name == "multi_head_attention_forward":
            size = int(arg(3, "embed_dim_to_check")) // int(arg(4, "num_heads"))
            self.trace.attention.append(Attention(size, size**-0.5, self.stack[-1][0]))
            self._layers(name, tracked, args[:3])
        elif name in {"_grouped_mm", "grouped_mm"}:  # a stack of experts
            self.use(arg(1, "mat2"), "matrix", [-2], [-1], name, arg(0, "input"))
        elif name in RECURRENT:
            self._layers(name, tracked, args[:2])
        elif name == "bilinear":
            self.use(arg(2, "weight"), "matrix", [1, 2], [0], name, None)
            self.use(arg(3, "bias"), "elementwise", [], [0], name, None)
        elif name in {"getitem", "index_select", "index"} and not is_view(result, tracked):
            self.use(tracked[0], "lookup", [], list(range(1, tracked[0].dim())), name, None)
        elif name in ELEMENTWISE and len(list(tensors_in((args, kwargs)))) > 1:
            for tensor in tracked:
                if self.constant and name in {"cat", "stack"}:  # a fused weight
                    self.views.stand_for(tensor, result, arg(1, "dim") or 0)
                elif self.constant and tensor.shape == result.shape:  # masked, or scaled
                    self.views.stand_for(tensor, result)
                else:
                    self.use(tensor, "elementwise", [], list(range(tensor.dim())), name, None)
        elif not is_view(result, tracked):
            self._derive(name, result, tracked)

    def _layers(self, name: str, tracked: list[Tensor], inputs: Any) -> None:
        """Whole layers in one function: weights (out, in), biases, and learned inputs."""
        for tensor in tracked:
            if tensor.dim() == 2 and not any(tensor is t for t in tensors_in(inputs)):
                self.use(tensor, "matrix", [-1], [-2], name, None)
            else:
                self.use(tensor, "elementwise", [], list(range(tensor.dim())), name, None)

    def _derive(self, name: str, result: Any, tracked: list[Tensor]) -> None:
        """A copy, cast or elementwise function of one parameter stands for it from here on."""
        if name in {"repeat", "tile"} and len(tracked) == 1:
            self.views.stand_for(tracked[0], result)
            return
        plain = name not in MIXING and len(tracked) == 1
        if plain and isinstance(result, Tensor) and result.shape == tracked[0].shape:
            self.views.stand_for(tracked[0], result)
            return
        for tensor in tracked:
            self.use(tensor, "unknown", [], [], name, None)

    def _contraction(
        self, operands: list[Tensor], parts: list[tuple[list[int], list[int]]], name: str
    ) -> None:
        several = sum(bool(self.find(t)) for t in operands) > 1
        for tensor, (into, out) in zip(operands, parts, strict=True):
            kind: Kind = "unknown" if several else "matrix" if into else "elementwise"
            self.use(tensor, kind, into, out, name, None)

    @contextmanager
    def modules_of(self, model: nn.Module) -> Any:
        """Keeps the stack of running modules while the block runs."""
        handles = []
        for name, module in model.named_modules():

            def enter(_: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
                first = args[0] if args else next(iter(kwargs.values()), None)
                self.stack.append((name, first))
                if not name:  # the whole model
                    self.alive += tensors_in((args, kwargs))
                    self.live.update(pointer(t) for t in tensors_in((args, kwargs)))

            def leave(*_: Any) -> None:
                self.stack.pop()

            handles.append(module.register_forward_pre_hook(enter, with_kwargs=True, prepend=True))
            handles.append(module.register_forward_hook(leave, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def trace(model: nn.Module, run: Callable[[], object]) -> Trace:
    """Record how `run()`, one forward pass on the CPU, uses the model's parameters."""
    watcher = Watcher(model)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it would hide a whole layer in one call
    try:
        with torch.no_grad(), watcher.modules_of(model), watcher:
            run()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    watcher.trace.ends = frozenset(watcher.branches.found)
    return watcher.trace
