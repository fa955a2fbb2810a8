"""Builds models on the meta device, without memory, for the shapes of their parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from mutransfer_cli.tracing.roles import Shape


class Skeleton(torch.overrides.TorchFunctionMode):
    """While active, functions that initialize or move tensors on the meta device do nothing."""

    FILLS = frozenset(
        {"normal_", "uniform_", "trunc_normal_", "zero_", "fill_", "ones_", "bernoulli_"}
        | {"erfinv_", "clamp_", "mul_", "div_", "add_", "copy_", "exponential_"}
    )

    MOVES = frozenset({"cpu", "cuda", "to"})
    # torch computes these on the meta device in Python, ten times as slow as an allocation.
    BY_NUMBER = frozenset(
        {"div", "divide", "true_divide", "__truediv__", "mul", "multiply", "__mul__", "__rmul__"}
    )

    def __torch_function__(  # type: ignore[no-untyped-def]  # torch's own has no types
        self, func, types, args=(), kwargs=None
    ):
        kwargs = kwargs or {}
        first = args[0] if args else kwargs.get("tensor")
        name, home = getattr(func, "__name__", ""), getattr(func, "__module__", None)
        fills = name in self.FILLS or (home == "torch.nn.init" and name.endswith("_"))
        if fills and isinstance(first, torch.Tensor) and first.is_meta:
            return first
        if name in self.MOVES and isinstance(first, torch.Tensor) and first.is_meta:
            return _converted(first, args[1:], kwargs)
        if name in self.BY_NUMBER and not kwargs and _scaled_by_number(*args):
            return torch.empty_like(first)
        return func(*args, **kwargs)


def _scaled_by_number(*args: object) -> bool:
    """Whether operands are a plain tensor of floating point on the meta device, and a number."""
    first, *others = args
    if type(first) is not torch.Tensor or first.requires_grad:
        return False
    is_float = first.is_meta and first.is_floating_point()
    return is_float and len(others) == 1 and isinstance(others[0], int | float)


def _converted(tensor: torch.Tensor, args: Sequence[object], kwargs: Any) -> torch.Tensor:
    """What `tensor.to(...)` would return, on the device where the tensor is."""
    given = (*args, *kwargs.values())
    types = [a.dtype if isinstance(a, torch.Tensor) else a for a in given]
    return next((tensor.to(t) for t in types if isinstance(t, torch.dtype)), tensor)


def skeleton(build: Callable[[], nn.Module]) -> nn.Module:
    """Call `build` on the meta device: no memory is allocated and nothing is initialized.

    A constructor that reads the values of a tensor, such as eigenvalues or a list of drop rates,
    cannot run there: it runs on the CPU.
    """
    try:
        with torch.device("meta"), Skeleton():
            return build()
    except Exception as error:  # of torch's several kinds; named as the user's code or not
        if "meta" not in str(error).lower():
            raise
    with torch.device("cpu"):
        return build().to("meta")


def shapes_of(model: nn.Module) -> dict[str, Shape]:
    """The shapes of a model's parameters, which may be on the meta device."""
    return {name: tuple(p.shape) for name, p in model.named_parameters()}
