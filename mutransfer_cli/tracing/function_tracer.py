"""The base of what watches torch functions: calls each, then reports the call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode


class FunctionTracer(TorchFunctionMode):
    """A mode that runs every torch function and hands it to `called`."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run the function, report it, return its result."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        self.called(func, args, kwargs, result)
        return result

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Receive one call; torch functions that it runs itself are not traced.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: What it returned.
        """
        raise NotImplementedError


def attention_operands(
    args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor, Tensor, float]:
    """Query, key and scale of q·k of a call of `scaled_dot_product_attention`."""
    query = args[0] if args else kwargs["query"]
    key = args[1] if len(args) > 1 else kwargs["key"]
    scale = kwargs.get("scale")
    return query, key, float(scale) if scale is not None else float(query.shape[-1] ** -0.5)
