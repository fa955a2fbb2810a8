"""What a forward pass multiplies a module's output by, outside the module: logits / m, say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

TIMES = {torch.mul, torch.multiply, Tensor.mul, Tensor.multiply, Tensor.mul_, Tensor.__mul__,
         Tensor.__rmul__, Tensor.__imul__}  # fmt: skip
OVER = {torch.div, torch.divide, torch.true_divide, Tensor.div, Tensor.divide, Tensor.true_divide,
        Tensor.div_, Tensor.__truediv__, Tensor.__itruediv__}  # fmt: skip
SAME = {Tensor.float, Tensor.to, Tensor.contiguous}  # the same numbers in another form
# Looking at a tensor, and the recorder's own copies, are no use of it.
LOOKS = {"__get__", "size", "dim", "numel", "is_floating_point", "detach", "clone", "register_hook"}


class Multiplied(TorchFunctionMode):
    """Follows tensors through products with numbers for as long as nothing else uses them."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[int, Tensor] = {}  # held, so that no other tensor gets the same id
        self.uses: dict[int, list[tuple[float, int] | None]] = {}  # factor and result; None: other

    def watch(self, tensor: Tensor) -> None:
        """Follow a tensor from here on."""
        self.kept.setdefault(id(tensor), tensor)
        self.uses.setdefault(id(tensor), [])

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        seen = [t for t in tensors_in(args) if id(t) in self.uses]
        out = func(*args, **(kwargs or {}))
        if seen and getattr(func, "__name__", "") not in LOOKS:
            factor = factor_of(func, args)
            for tensor in seen:
                if factor is None or not isinstance(out, Tensor):
                    self.uses[id(tensor)].append(None)
                else:
                    self.uses[id(tensor)].append((factor, id(out)))
                    self.watch(out)
        return out

    def factor(self, tensor: Tensor) -> float:
        """The product of all that it was multiplied by; 1 where it also goes another way."""
        total, at, number = 1.0, id(tensor), 0
        while True:
            uses = self.uses.get(at, [])[number:]
            if not uses or uses[0] is None:
                return total
            factor, out = uses[0]
            if out != at and len(uses) > 1:
                return total
            total *= factor
            at, number = (at, number + 1) if out == at else (out, 0)


def tensors_in(args: Any) -> Iterator[Tensor]:
    for part in args:
        if isinstance(part, Tensor):
            yield part
        elif isinstance(part, tuple | list):
            yield from tensors_in(part)


def factor_of(func: Any, args: Any) -> float | None:
    """The number that a function multiplies its tensor by; None where it does something else."""
    if func in SAME:
        return 1.0
    if (func not in TIMES and func not in OVER) or len(args) != 2:
        return None
    number = value_of(args[1])
    if func in OVER:
        return None if not number else 1 / number
    return value_of(args[0]) if number is None else number


def value_of(part: Any) -> float | None:
    """Of a number, or of a tensor without dimensions that is not trained."""
    if isinstance(part, Tensor):
        return float(part.detach()) if part.dim() == 0 and not part.requires_grad else None
    return float(part) if isinstance(part, int | float) else None
