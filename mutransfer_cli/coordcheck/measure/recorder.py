"""What one forward and backward pass did in each module: input, output, gradient of the output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.output_multipliers import Multiplied


def first_float(value: Any) -> Tensor | None:
    """The first floating-point tensor in an output."""
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else None
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for part in value:
            found = first_float(part)
            if found is not None:
                return found
    return None


def rms(tensor: Tensor) -> float:
    return float(tensor.detach().float().square().mean().sqrt())


@dataclass(slots=True)
class Call:
    """The last call of one module."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Tensor
    gradient: Tensor | None = None  # of the loss with respect to the output
    autocast: torch.dtype | None = None  # where the call was made under it
    after: float = 1.0  # what the forward pass multiplies the output by, outside the module


@dataclass(slots=True)
class Calls:
    """By module name; the root is ''."""

    of: dict[str, Call] = field(default_factory=dict)


@contextmanager
def recording(model: nn.Module) -> Iterator[Calls]:
    """Record every module's call while the block runs."""
    calls, multiplied, outputs = Calls(), Multiplied(), dict[str, Tensor]()
    handles = []
    for name, module in model.named_modules():

        def keep(module: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
            found = first_float(output)
            if found is None:
                return
            call = Call(module, detached(args), detached(kwargs), found.detach().clone())
            kind = found.device.type
            if torch.is_autocast_enabled(kind):
                call.autocast = torch.get_autocast_dtype(kind)
            calls.of[name] = call
            multiplied.watch(found)
            outputs[name] = found
            if found.requires_grad:

                def keep_gradient(gradient: Tensor, call: Call = call) -> None:
                    call.gradient = gradient.detach().clone()

                found.register_hook(keep_gradient)  # type: ignore[no-untyped-call]  # torch has no type for it

        handles.append(module.register_forward_hook(keep, with_kwargs=True))
    try:
        with multiplied:
            yield calls
        for name, output in outputs.items():
            calls.of[name].after = multiplied.factor(output)
    finally:
        for handle in handles:
            handle.remove()


def uncompiled() -> AbstractContextManager[None]:
    """While it lasts, torch.compile'd models run as they were written: hooks see every module."""
    return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]  # torch has no type for it


def detached(value: Any) -> Any:
    """The same structure; tensors cloned, so that in-place work later does not change them."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, tuple | list):
        return type(value)(detached(part) for part in value)
    if isinstance(value, dict):
        return {key: detached(part) for key, part in value.items()}
    return value


def same_masks() -> None:
    """The same dropout mask every time; the check runs on the CPU.

    torch.manual_seed also asks every accelerator, which took two fifths of a check.
    """
    torch.default_generator.manual_seed(0)


def rerun(call: Call, replaced: dict[str, Tensor], args: tuple[Any, ...] | None = None) -> Tensor:
    """The module alone on its recorded input, with some of its parameters replaced."""
    same_masks()
    own = dict(call.module.named_parameters())
    for name, value in replaced.items():  # what a model keeps on parameters, such as mup's infshape
        if name in own and vars(own[name]):
            value.__dict__.update(vars(own[name]))
    handles = suspended(call.module)
    kind, lower = call.output.device.type, call.autocast
    casting = torch.autocast(kind, dtype=lower) if lower is not None else nullcontext()
    try:
        with torch.no_grad(), casting:
            output = torch.func.functional_call(
                call.module, replaced, call.args if args is None else args, call.kwargs
            )
    finally:
        handles()
    found = first_float(output)
    assert found is not None
    return found


def suspended(module: nn.Module) -> Callable[[], None]:
    """Take a module's own pre-hooks off: its recorded input has been through them already."""
    before = module._forward_pre_hooks.copy()
    module._forward_pre_hooks.clear()

    def restore() -> None:
        module._forward_pre_hooks.update(before)

    return restore
