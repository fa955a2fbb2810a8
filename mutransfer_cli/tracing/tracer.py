"""Traces one forward pass: which functions use each parameter, and along which dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.activations.attention_scores import (
    AttentionScores,
    attention_operands,
    scalar_factor,
)
from mutransfer_cli.tracing.activations.dependencies import Dependencies
from mutransfer_cli.tracing.activations.flows import FollowedCall
from mutransfer_cli.tracing.activations.residual_branches import ResidualBranches, storage_pointer
from mutransfer_cli.tracing.activations.width_factors import WidthFactors
from mutransfer_cli.tracing.function_transforms import visible, vmap_as_loop
from mutransfer_cli.tracing.roles import Attention, Trace
from mutransfer_cli.tracing.torch_functions import FunctionTracer, plain_name, tensors_in
from mutransfer_cli.tracing.usage.expert_biases import biases_of_experts
from mutransfer_cli.tracing.usage.torch_call import Call
from mutransfer_cli.tracing.usage.use_recorder import UseRecorder

SMALL_TENSOR = 2**18  # entries; of a few rows, its product takes less than a thread's start


class UseTracer(FunctionTracer):
    """Records the uses of a model's parameters while its forward pass runs."""

    def __init__(self, model: nn.Module) -> None:
        """Create a tracer for a model."""
        super().__init__()
        self.recorder = UseRecorder(model)
        self.branches = ResidualBranches()
        self.scores = AttentionScores()
        self.factors = WidthFactors()
        self.dependencies = Dependencies(self.recorder.trace.shapes)
        self.live: set[int] = set()  # storages of tensors that depend on the model's input
        self.alive: list[Tensor] = []  # the model's inputs; keeps the storages in `live` from reuse

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Record what one call does.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: What it returned.
        """
        name = plain_name(function)
        recorder = self.recorder
        if name == "scaled_dot_product_attention":
            self._attention(args, kwargs)
        operands, results = list(tensors_in((args, kwargs))), list(tensors_in(result))
        tracked = [t for t in operands if recorder.views.knows(t)]
        recorder.used.clear()
        recorder.weight_gains.normed.clear()
        recorder.order += 1
        depends_on_input = any(storage_pointer(t) in self.live for t in operands)
        recorder.constant = bool(self.live) and not depends_on_input
        if not recorder.constant:
            self.live.update(storage_pointer(t) for t in results if self.live)
        known = len(recorder.views.known)
        if tracked and results:
            recorder.record(Call(name, args, kwargs, result, tracked))
        elif name == "sum":
            recorder.summed(Call(name, args, kwargs, result, tracked))
        if recorder.modulated.knows(operands):
            found = recorder.modulated.follow(
                Call(name, args, kwargs, result, tracked),
                recorder.module_stack[-1][0],
                recorder.order,
            )
            for tensor, use in found:
                recorder.trace.uses[tensor].append(use)
        if len(recorder.views.known) != known:  # what was computed may stand for a parameter now
            tracked = [t for t in operands if recorder.views.knows(t)]
        weights = {id(t) for t in tracked}
        self.branches.follow(name, operands, results, frozenset(recorder.used))
        self._follow_activations(name, args, kwargs, operands, results, weights)
        attention = self.scores.follow(
            name,
            args,
            operands,
            results,
            lambda tensor: id(tensor) in weights,
            kwargs.get("alpha", 1.0),
        )
        if attention is not None:
            module, _ = recorder.module_stack[-1]
            recorder.trace.attention.append(
                Attention(attention.head_size or 1, attention.factor, module, attention.norm)
            )
        number = scalar_factor(name, args) if not tracked else None
        if number is not None and len(results) == 1:
            recorder.scales.multiplied(operands, number, results[0])

    def _follow_activations(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        operands: list[Tensor],
        results: list[Tensor],
        known: Set[int],
    ) -> None:
        """Follow factors and dependencies through one call.

        Args:
            name: Name of the function.
            args: Positional arguments of the call.
            kwargs: Keyword arguments of the call.
            operands: All tensors among the arguments.
            results: All tensors among the results.
            known: Identities of the operands that are, or stand for, parameters.
        """
        recorder = self.recorder
        weights = [t for t in operands if id(t) in known]
        activations = [t for t in operands if id(t) not in known]
        arguments = [(m, t) for m, t in recorder.module_stack if isinstance(t, Tensor)]
        self.dependencies.follow(activations, results, recorder.used, arguments)
        self.factors.follow(
            FollowedCall(
                name, args, kwargs, activations, weights, results, recorder.used,
                recorder.module_stack[-1][0], recorder.weight_gains.normed,
            ),
            recorder.find,
            lambda t: not self.live or storage_pointer(t) in self.live,
        )  # fmt: skip

    def _attention(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        query, key, scale = attention_operands(args, kwargs)
        module, _ = self.recorder.module_stack[-1]
        self.recorder.trace.attention.append(
            Attention(
                int(query.shape[-1]),
                scale * self.scores.factor(query, key),
                module,
                self.scores.norm(query, [-1]) * self.scores.norm(key, [-1]),
            )
        )

    @contextmanager
    def running_modules(self, model: nn.Module) -> Iterator[None]:
        """Keep track of the running modules while the block runs."""
        handles = []
        for name, module in model.named_modules():

            def enter(_: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
                args, kwargs = visible((args, kwargs))
                first = args[0] if args else next(iter(kwargs.values()), None)
                self.recorder.module_stack.append((name, first))
                if not name:  # the model itself
                    self.alive += tensors_in((args, kwargs))
                    self.live.update(storage_pointer(t) for t in tensors_in((args, kwargs)))

            def leave(_: nn.Module, args: Any, output: Any, name: str = name) -> None:
                with torch._C.DisableTorchFunction():  # looking at a tensor is no call of the model
                    self.dependencies.returned(name, visible(output))
                self.recorder.module_stack.pop()

            handles.append(module.register_forward_pre_hook(enter, with_kwargs=True, prepend=True))
            handles.append(module.register_forward_hook(leave, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def _few_threads(model: nn.Module) -> Iterator[None]:
    """Run small products on one thread: others would wait for it as long as they compute."""
    threads = torch.get_num_threads()
    largest = max((p.numel() for p in model.parameters()), default=0)
    torch.set_num_threads(1 if largest <= SMALL_TENSOR else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def trace(model: nn.Module, run: Callable[[], object]) -> Trace:
    """Record how `run()`, one forward pass on the CPU, uses the model's parameters.

    Raises:
        InputError: A parameter of a lazy layer has no shape yet.
    """
    for name, p in model.named_parameters():
        if isinstance(p, UninitializedParameter):
            raise InputError(
                f"parameter {name} of a lazy layer has no shape yet; pass one batch through the "
                "model before it is returned",
                path=("model",),
            )
    tracer = UseTracer(model)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it would hide all of a layer in one call
    try:
        # with gradients: some losses differentiate by their input
        with (
            _few_threads(model), torch.enable_grad(), vmap_as_loop(),
            tracer.running_modules(model), tracer,
        ):  # fmt: skip
            run()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    recorded = tracer.recorder.trace
    recorded.uses.update(biases_of_experts(recorded))
    recorded.ends = frozenset(tracer.branches.branch_ends)
    recorded.on_stream = frozenset(tracer.branches.stream_layers)
    tracer.factors.finished()
    recorded.factors, recorded.dependencies = tracer.factors, tracer.dependencies
    return recorded
