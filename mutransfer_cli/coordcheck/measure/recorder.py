"""Records one forward and backward pass: each module's input, output and output gradient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from mutransfer_cli.coordcheck.measure.operations.operation import Operation, address
from mutransfer_cli.coordcheck.measure.operations.operation_recorder import OperationRecorder
from mutransfer_cli.coordcheck.measure.output_multipliers import OutputMultiplierTracer
from mutransfer_cli.coordcheck.measure.stream_sums import StreamSums, Term
from mutransfer_cli.tracing.function_transforms import outside_transforms, visible, vmap_as_loop

NO_BACKWARD = -1  # torch's number for the backward pass while none runs
OBJECT_DEPTH = 2  # a distribution may contain another one


def first_float_tensor(output: Any) -> Tensor | None:
    """The first floating-point tensor in a module's output, or None."""
    return next(iter(float_tensors(output)), None)


def float_tensors(output: Any, depth: int = OBJECT_DEPTH) -> Iterator[Tensor]:
    """All floating-point tensors in an output, also those that an object has as attributes.

    Args:
        output: A nested structure of tensors and objects, such as a distribution.
        depth: How many objects deep to look.
    """
    for leaf in tree_leaves(output):
        if isinstance(leaf, Tensor):
            if leaf.is_floating_point():
                yield leaf
        elif depth > 0 and not isinstance(leaf, type | nn.Module):
            inner = leaf if isinstance(leaf, tuple) else getattr(leaf, "__dict__", {}).values()
            yield from float_tensors(list(inner), depth - 1)  # a packed sequence is a tuple


def rms(tensor: Tensor) -> float:
    """Root mean square of the entries."""
    return float(real_numbers(tensor).square().mean().sqrt())


def real_numbers(tensor: Tensor) -> Tensor:
    """A tensor in float32; a complex one as pairs of real and imaginary part, in a last dimension.

    A sum over products of such pairs is what a gradient and a change of a complex tensor contribute
    to the loss, by torch's convention for its gradient.
    """
    tensor = tensor.detach()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor.float()


@dataclass(slots=True)
class Call:
    """The last call of one module in a forward pass.

    Attributes:
        module: The module that was called.
        args: Positional arguments, with tensors copied.
        kwargs: Keyword arguments, with tensors copied.
        output: Copy of the first floating-point tensor of the output.
        gradient: Gradient of the loss with respect to `output`; None before the backward pass, and
            if the loss does not depend on it.
        autocast: The dtype of autocast during the call, None outside autocast.
        output_multiplier: The number by which the caller multiplies `output`, as in `logits / m`.
        ends: Addresses of the first tensor among the arguments and of the output.
        name: Name of the module; the root is ''.
        number: Number of the module's first call among all calls and operations, as they ended.
    """

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Tensor
    gradient: Tensor | None = None
    autocast: torch.dtype | None = None
    output_multiplier: float = 1.0
    ends: tuple[int, int] = (0, 0)
    name: str = ""
    number: int = 0


@dataclass(slots=True)
class Calls:
    """What was recorded in one pass.

    Attributes:
        by_module: Calls by module name, in the order in which they ended; the root is ''.
        operations: The operations that use each parameter, of those that nothing else uses.
        terms: Outputs of modules that were added to another activation.
    """

    by_module: dict[str, Call] = field(default_factory=dict)
    operations: dict[str, list[Operation]] = field(default_factory=dict)
    terms: list[Term] = field(default_factory=list)


@contextmanager
def recording(model: nn.Module) -> Iterator[Calls]:
    """Record the call of every module while the block runs.

    Modules that compute the weights of another one, such as a spectral norm, are left out: their
    tensors act in the module that uses the weight.
    """
    calls, tracer, outputs = Calls(), OutputMultiplierTracer(), dict[str, Tensor]()
    clock = count()
    operations, sums = OperationRecorder(model, tracer.watch, clock), StreamSums()
    alive: list[Tensor] = []  # a freed tensor's address could be given out again
    handles = []
    for name, module in model.named_modules():
        if is_parametrization(name):
            continue

        def enter(module: nn.Module, args: Any, name: str = name) -> None:
            operations.entered(name)
            sums.entered(name)

        def leave(module: nn.Module, args: Any, output: Any) -> None:
            operations.left()
            sums.left(visible(output))

        def keep(module: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
            given = visible(args), visible(kwargs), visible(output)
            with outside_transforms():
                record(module, *given, name)

        def record(module: nn.Module, args: Any, kwargs: Any, output: Any, name: str) -> None:
            tensors = list(float_tensors(output))
            if not tensors or is_recomputed(tensors[0], outputs.get(name)):
                return
            tensor = tensors[0]
            call = Call(module, copied(args), copied(kwargs), tensor.detach().clone(), name=name)
            earlier = calls.by_module.get(name)
            call.number = earlier.number if earlier else next(clock)
            device_type = tensor.device.type
            if torch.is_autocast_enabled(device_type):
                call.autocast = torch.get_autocast_dtype(device_type)
            given = next((t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)), None)
            if given is not None:
                call.ends = address(given), address(tensor)
                alive.append(given)
            calls.by_module[name] = call
            tracer.watch(tensor)
            outputs[name] = tensor
            if tensor.requires_grad:

                def keep_gradient(gradient: Tensor, call: Call = call) -> None:
                    call.gradient = gradient.detach().clone()

                tensor.register_hook(keep_gradient)  # type: ignore[no-untyped-call]  # torch has no type for it

        handles.append(module.register_forward_pre_hook(enter, prepend=True))
        handles.append(module.register_forward_hook(keep, with_kwargs=True))
        handles.append(module.register_forward_hook(leave, always_call=True))
    try:
        with vmap_as_loop(), tracer, operations, sums:
            yield calls
        calls.terms = sums.terms
        for name, output in outputs.items():
            calls.by_module[name].output_multiplier = tracer.multiplier(output)
        calls.operations = operations.finished()
        for op in (op for ops in calls.operations.values() for op in ops):
            assert op.result is not None
            end = outputs.get(op.module)
            op.inside = tracer.multiplier(op.result, end)
            op.outside = tracer.multiplier(op.result) / op.inside
            op.result = None
    finally:
        for handle in handles:
            handle.remove()


def is_parametrization(name: str) -> bool:
    """Whether a module belongs to `torch.nn.utils.parametrize`, by its name in the model."""
    return "parametrizations" in name.split(".")


def is_recomputed(output: Tensor, recorded: Tensor | None) -> bool:
    """Whether a call only repeats a recorded one during the backward pass, for a checkpoint.

    No gradient reaches the repeated output, unless the first call ran without gradients, as for
    checkpoints with use_reentrant=True.
    """
    if recorded is None or torch._C._current_graph_task_id() == NO_BACKWARD:
        return False
    return recorded.requires_grad or not output.requires_grad


def uncompiled() -> AbstractContextManager[None]:
    """A context in which models under torch.compile run eagerly, so that hooks see every module."""
    return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]  # torch has no type for it


def copied(arguments: Any) -> Any:
    """Copy the tensors in a nested structure, to protect them from in-place operations."""
    return tree_map_only(Tensor, lambda t: t.detach().clone(), arguments)


def seed_dropout() -> None:
    """Make the next dropout masks the same every time.

    Only the CPU's generator is seeded: the check runs on the CPU, and torch.manual_seed would also
    query every accelerator, which took two fifths of the time of a check.
    """
    torch.default_generator.manual_seed(0)


def rerun(call: Call, replaced: dict[str, Tensor], args: tuple[Any, ...] | None = None) -> Tensor:
    """Run a module by itself with some parameters replaced, without gradients.

    Args:
        call: The recorded call.
        replaced: New values by the parameter's name inside the module.
        args: Positional arguments in place of the recorded ones.
    """
    tensor, *_ = rerun_all(call, replaced, args)
    return tensor


def rerun_all(
    call: Call, replaced: dict[str, Tensor], args: tuple[Any, ...] | None = None
) -> list[Tensor]:
    """All floating-point outputs of a module that runs by itself.

    Args:
        call: The recorded call.
        replaced: New values by the parameter's name inside the module.
        args: Positional arguments in place of the recorded ones.
    """
    seed_dropout()
    own = dict(call.module.named_parameters())
    for name, value in replaced.items():  # keep attributes of parameters, such as mup's infshape
        if name in own and vars(own[name]):
            value.__dict__.update(vars(own[name]))
    # copies: running statistics and the vectors of a power iteration change in every pass
    buffers = {name: b.clone() for name, b in call.module.named_buffers()}
    device_type, dtype = call.output.device.type, call.autocast
    autocast = torch.autocast(device_type, dtype=dtype) if dtype is not None else nullcontext()
    with inputs_kept(call.module), torch.no_grad(), autocast:
        output = torch.func.functional_call(
            call.module, {**buffers, **replaced}, call.args if args is None else args, call.kwargs
        )
    return list(float_tensors(output))


@contextmanager
def inputs_kept(module: nn.Module) -> Iterator[None]:
    """Run a module's own pre-hooks without their changes of its input.

    The recorded input has those changes already; but a hook may compute the module's weight, as
    those of torch.nn.utils.prune do.
    """
    hooks = module._forward_pre_hooks.copy()
    for number, hook in hooks.items():

        def run(*given: Any, hook: Any = hook) -> None:
            hook(given[0], *copied(given[1:]))

        module._forward_pre_hooks[number] = run
    try:
        yield
    finally:
        module._forward_pre_hooks.update(hooks)
