"""Names of torch functions, grouped by what they do with a parameter, and a mode to trace them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mutransfer_cli.tracing.function_transforms import outside_transforms, plain, transforming

ELEMENTWISE = frozenset(
    {"add", "sub", "mul", "div", "true_divide", "rsub", "addcmul", "where", "lerp", "maximum"}
    | {"minimum", "cat", "stack", "pow", "prelu", "complex", "polar"}
    | {"layer_norm", "rms_norm", "group_norm", "batch_norm", "instance_norm"}
)
RIGHT_OR_LEFT = frozenset({"matmul", "mm", "bmm", "mv"})
ADDED = frozenset({"addmm", "baddbmm", "addmv"})
CONVOLUTION = frozenset({"conv1d", "conv2d", "conv3d"})
# The result has the shape of the argument, but its entries depend on other entries.
MATRIX_VALUED = frozenset(
    {"inverse", "linalg_inv", "linalg_inv_ex", "pinverse", "linalg_pinv", "linalg_cholesky"}
    | {"cholesky", "matrix_exp", "linalg_matrix_exp", "matrix_power", "linalg_matrix_power"}
    | {"linalg_solve", "linalg_householder_product", "linalg_qr", "linalg_svd"}
)
MIXING = MATRIX_VALUED | {"cumsum", "cumprod", "logcumsumexp", "sort", "fft_fft", "fft_ifft"}
# Statistics of a weight, by which it is normalized; with keepdim, they fit the weight again.
NORMS = frozenset(
    {"norm", "linalg_norm", "linalg_vector_norm", "linalg_matrix_norm", "std", "var", "var_mean"}
    | {"std_mean", "spectral_norm"}
)
KEPT_STATISTICS = frozenset({"sum", "mean", "amax", "amin", "max", "min", "median"})
RECURRENT = frozenset(
    {"gru", "lstm", "rnn_tanh", "rnn_relu", "gru_cell", "lstm_cell"}
    | {"rnn_tanh_cell", "rnn_relu_cell"}
)
REPEATED = frozenset({"repeat", "tile"})
RESHAPED = frozenset({"reshape", "flatten", "ravel", "unflatten", "reshape_as"})  # as a copy
INDEXED = frozenset({"getitem", "index_select", "index"})
IN_PLACE_OPERATORS = frozenset({"add", "sub", "mul", "truediv", "pow", "floordiv", "mod"})
LARGEST_CONSTANT = 2**16  # entries; comparing more takes long
TRANSPOSED = frozenset({"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})


def plain_name(function: Callable[..., Any]) -> str:
    """The common name of a function: `matmul` for torch.matmul, Tensor.__rmatmul__ and so on."""
    name = getattr(function, "__name__", str(function))
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
        for prefix in ("r", "i"):
            if name[:1] == prefix and name[1:] in {"matmul", "add", "sub", "mul", "pow"}:
                return name[1:]
        return {"truediv": "div", "rtruediv": "div", "itruediv": "div"}.get(name, name)
    return name.rstrip("_")


def in_place(function: Callable[..., Any]) -> bool:
    """Whether a function changes its first argument, by its name: `mul_`, `__imul__`."""
    name = getattr(function, "__name__", "")
    if name.startswith("__"):
        return name[2:3] == "i" and name[3:-2] in IN_PLACE_OPERATORS
    return bool(name.endswith("_"))


def constant_value(tensor: Tensor) -> float | None:
    """The value of all entries of a small tensor, such as one filled with 1/√n; else None."""
    if not 0 < tensor.numel() <= LARGEST_CONSTANT or tensor.is_complex():
        return None
    if tensor.layout is not torch.strided or tensor.is_meta:
        return None
    first = tensor.detach().flatten()[0]
    return float(first) if bool((tensor.detach() == first).all()) else None


def tensors_in(value: Any) -> Iterable[Tensor]:
    """Every tensor in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, Tensor):  # the most common case, without another generator
                yield item
            elif isinstance(item, list | tuple | Mapping):
                yield from tensors_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)


Parts = tuple[list[Tensor], list[tuple[list[int], list[int]]]]


def contraction_parts(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Parts:
    """The operands of a sum of products, and for each the dimensions summed over and those kept.

    Args:
        name: einsum, inner or tensordot.
        args: Positional arguments of the call.
        kwargs: Keyword arguments of the call.
    """
    if name == "einsum":
        return einsum_parts(args)
    operands = [*args[:2]]
    if name == "inner":
        summed = [[t.dim() - 1] for t in operands]
    else:
        dims = args[2] if len(args) > 2 else kwargs.get("dims", 2)
        if isinstance(dims, int):
            first = operands[0].dim()
            summed = [list(range(first - dims, first)), list(range(dims))]
        else:
            summed = [
                [d % t.dim() for d in ([dims[i]] if isinstance(dims[i], int) else dims[i])]
                for i, t in enumerate(operands)
            ]
    return operands, [
        (into, [d for d in range(t.dim()) if d not in into])
        for t, into in zip(operands, summed, strict=True)
    ]


def einsum_labels(args: Sequence[Any]) -> tuple[list[Tensor], list[str], str]:
    """The operands of `einsum`, the labels of each, and those of the result."""
    equation = args[0].replace(" ", "")
    operands = list(args[1]) if isinstance(args[1], list | tuple) else list(args[1:])
    inputs, _, output = equation.partition("->")
    if not output:
        joined = inputs.replace(",", "")
        output = "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    return operands, inputs.split(","), output


def labels_of(args: Sequence[Any], index: int) -> tuple[str, str]:
    """The labels of one operand of `einsum`, and those of the result, without an ellipsis."""
    _, labels, output = einsum_labels(args)
    return labels[index].replace("...", ""), output.replace("...", "")


def einsum_parts(args: Sequence[Any]) -> Parts:
    """The operands of `einsum`, and for each the dimensions summed over and those kept."""
    operands, labels, output = einsum_labels(args)
    parts = []
    for tensor, mine in zip(operands, labels, strict=True):
        others = "".join(o for o in labels if o is not mine)
        first, dots, last = mine.partition("...")
        start = tensor.dim() - len(last) if dots else len(first)
        plain = [*enumerate(first), *enumerate(last, start)]
        into = [i for i, c in plain if c not in output]
        own = [i for i, c in plain if c in output and c not in others]
        parts.append((into, own or [i for i, c in plain if c in output]))
    return operands, parts


class FunctionTracer(TorchFunctionMode):
    """A mode that runs every torch function and reports the call to `called`."""

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
        if transforming():
            given = plain(args), plain(kwargs), plain(result)
            with outside_transforms():
                self.called(func, *given)
        else:
            self.called(func, args, kwargs, result)
        return result

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Handle one call; torch functions called in here are not traced.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: What it returned.
        """
        raise NotImplementedError
