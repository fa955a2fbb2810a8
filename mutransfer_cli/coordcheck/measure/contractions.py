"""Measures sums over the width of activations, or of products of two: dot products, bmm, einsum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.output_multipliers import factor_of
from mutransfer_cli.coordcheck.measure.recorder import rms
from mutransfer_cli.tracing.torch_functions import (
    FunctionTracer,
    contraction_parts,
    plain_name,
    tensors_in,
)
from mutransfer_cli.tracing.usage.modulated_weights import CONTRACTIONS, makes_weight

PRODUCTS = frozenset({"matmul", "mm", "bmm", "mv", "dot", "vdot", "linear"})
VECTOR_PRODUCTS = frozenset({"linalg_vecdot", "vecdot"})
LABELED_PRODUCTS = frozenset({"einsum", "inner", "tensordot"})
SUMS = frozenset({"sum", "mean", "nansum", "nanmean"})
NORMS = frozenset({"norm", "linalg_norm", "linalg_vector_norm"})
DISTANCES = frozenset({"cdist", "pairwise_distance", "dist"})
# Functions whose result is as large as the argument, or contains it.
PASSING = frozenset(
    {"reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute"}
    | {"contiguous", "clone", "float", "to", "getitem", "cat", "stack", "expand", "where"}
    | {"add", "sub", "rsub", "neg", "clamp", "maximum", "masked_fill", "triu", "tril", "split"}
    | {"chunk", "unbind", "index_select", "gather", "mT", "T", "dropout", "type_as", "diagonal"}
)
# Of these, the functions whose result contains other activations too.
JOINING = frozenset({"cat", "stack", "add", "sub", "rsub", "maximum", "where"})
# Functions of a sum that only normalize other activations by it.
NORMALIZING = frozenset({"rsqrt", "reciprocal", "rdiv", "norm", "log"})
POWERS = {"sqrt": 0.5, "square": 2.0}
DIVISIONS = frozenset({"div", "true_divide", "divide"})
SCALINGS = DIVISIONS | {"mul", "multiply"}
ATTENTION = frozenset({"softmax", "_softmax"})
INSPECTIONS = frozenset({"__get__", "size", "dim", "numel", "is_floating_point",
                         "register_hook", "get"})  # fmt: skip


@dataclass(slots=True)
class Contraction:
    """One sum over activations in a forward pass.

    Attributes:
        function: Name of the torch function.
        module: Name of the module that was running; empty for the model itself or the loss.
        terms: Number of terms in each sum.
        bound: The sum's size if all its terms are aligned, from the sizes of its operands.
        factor: The number by which the sum is multiplied before anything else uses it.
        power: The power to which it is raised before that.
        normalizes: Whether other activations are divided by the sum, or it is an attention score.
        is_output: Whether its module returns the sum, times a number: a factor on the module's
            output is then one on the sum.
    """

    function: str
    module: str
    terms: int
    bound: float
    factor: float = 1.0
    power: float = 1.0
    normalizes: bool = False
    is_output: bool = False

    @property
    def size(self) -> float:
        """How large what the model uses of the sum is, if all terms are aligned."""
        return float(self.bound**self.power) * abs(self.factor)


class Flow(NamedTuple):
    """How a tensor contains a sum: raised to a power, times a number; alone or with others."""

    contraction: Contraction
    factor: float = 1.0
    power: float = 1.0
    alone: bool = True


class ContractionTracer(FunctionTracer):
    """Records the sums of a forward pass, and follows each to its first use."""

    def __init__(self, model: nn.Module) -> None:
        """Create a tracer for a model."""
        super().__init__()
        self.found: list[Contraction] = []
        self.modules = [""]
        constants = [*model.parameters(), *model.buffers()]
        self.constants = {id(t) for t in constants}
        self.flows: dict[int, list[Flow]] = {}
        self.weights: set[int] = set()  # products of parameters and activations that act as one
        self.kept: list[Tensor] = constants  # so that no other tensor gets the same id

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Record a sum, or the use of one.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: The function's result.
        """
        name = plain_name(function)
        operands, results = list(tensors_in((args, kwargs))), list(tensors_in(result))
        inspects = getattr(function, "__name__", "") in INSPECTIONS or name in INSPECTIONS
        if inspects and not (name == "get" and results):  # W.T and W.mT are views
            return
        self.kept += results
        changed = list(tensors_in(args[:1])) if name == "setitem" else results
        if all(id(t) in self.constants for t in operands):  # of weights, or a new tensor
            self.constants.update(id(t) for t in results)
            return
        self.constants.difference_update(id(t) for t in changed)  # filled in place
        followed = []
        for operand in {id(t): t for t in operands}.values():
            for flow in self.flows.get(id(operand), []):
                new = followed_flow(name, function, args, operand, results, flow)
                if new is not None:
                    followed.append(new)
        if followed:
            self.flows.update({id(t): followed for t in results})
        if isinstance(result, Tensor) and self._is_weight(name, operands, result):
            self.weights.add(id(result))
        found = self._contraction(name, args, kwargs, result)
        if found is not None:
            self.found.append(found)
            self.flows[id(result)] = [Flow(found)]

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Record the sums over activations while the block runs."""
        handles = []
        for path, module in model.named_modules():

            def enter(*_: Any, path: str = path) -> None:
                self.modules.append(path)

            def leave(*given: Any, path: str = path) -> None:
                self.modules.pop()
                for flow in self.flows.get(id(given[-1]), []):
                    flow.contraction.is_output |= flow.alone and flow.contraction.module == path

            handles.append(module.register_forward_pre_hook(enter, prepend=True))
            handles.append(module.register_forward_hook(leave, always_call=True))
        try:
            with self:
                yield
        finally:
            self.kept.clear()
            for handle in handles:
                handle.remove()

    def _contraction(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any
    ) -> Contraction | None:
        """The sum that a call computes; None unless it sums over activations.

        Args:
            name: Plain name of the function.
            args: Positional arguments of the call.
            kwargs: Keyword arguments of the call.
            result: The function's result.
        """
        if not isinstance(result, Tensor) or not result.is_floating_point():
            return None
        terms, factor, power = 0, 1.0, 1.0
        dims: list[int] = []
        operands = [t for t in args[:2] if isinstance(t, Tensor)]
        if name in SUMS:
            given = args[1] if len(args) > 1 else kwargs.get("dim")
            if given is None or not operands:
                return None
            dims = [given] if isinstance(given, int) else list(given)
            terms = prod(operands[0].shape[d] for d in dims)
            factor = 1 / terms if name.endswith("mean") and terms else 1.0
            operands = operands[:1]
        elif name in LABELED_PRODUCTS:
            operands, parts = contraction_parts(name, args, kwargs)
            terms = prod(operands[0].shape[d] for d in parts[0][0])
        elif name in DISTANCES and len(operands) == 2:
            terms, power = int(operands[0].shape[-1]), power_of_norm(name, args, kwargs)
        elif name in NORMS and operands:
            dim = kwargs.get("dim", args[2] if len(args) > 2 else None)
            dims = [dim] if isinstance(dim, int) else list(dim or range(operands[0].dim()))
            terms = prod(operands[0].shape[d] for d in dims)
            power, operands = power_of_norm(name, args, kwargs), operands[:1]
        elif name in VECTOR_PRODUCTS and len(operands) == 2:
            terms = int(operands[0].shape[kwargs.get("dim", -1)])
        elif name in PRODUCTS and len(operands) == 2:
            terms = int(operands[0].shape[-1])
        else:
            return None
        if not terms or not all(self._is_activation(t) for t in operands):
            return None
        if name in SUMS:  # gates may leave out most of its terms
            aligned = operands[0].detach().abs().sum(dims)
            return Contraction(name, self.modules[-1], terms, factor * rms(aligned))
        sizes = [rms(t) for t in operands]
        size = sum(sizes) if name in DISTANCES else prod(sizes)
        bound = factor * terms**power * size
        return Contraction(name, self.modules[-1], terms, bound)

    def _is_weight(self, name: str, operands: Sequence[Tensor], result: Tensor) -> bool:
        """Whether a result acts as a weight, whose init says how large its products are.

        Args:
            name: Plain name of the function.
            operands: The tensors among its arguments.
            result: The result.
        """
        if any(id(t) in self.weights and t.numel() == result.numel() for t in operands):
            return name not in CONTRACTIONS
        learned = [t for t in operands if id(t) in self.constants and t.requires_grad]
        others = [t for t in operands if id(t) not in self.constants]
        return len(learned) == 1 and makes_weight(name, learned[0], others, result)

    def _is_activation(self, tensor: Tensor) -> bool:
        known = id(tensor) in self.constants or id(tensor) in self.weights
        return tensor.requires_grad and not known


def followed_flow(
    name: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    operand: Tensor,
    results: Sequence[Tensor],
    flow: Flow,
) -> Flow | None:
    """How the results of a call contain a sum; None: they do something else to it.

    Args:
        name: Plain name of the function.
        function: The function.
        args: Its positional arguments.
        operand: The sum, perhaps multiplied or reshaped.
        results: All tensors among the results.
        flow: How the operand contains the sum, in which is recorded what becomes of it.
    """
    contraction, factor, power, alone = flow
    number = factor_of(function, tuple(args))
    is_denominator = name in DIVISIONS and len(args) > 1 and args[1] is operand
    exponent: Any = POWERS.get(name, args[1] if name == "pow" and len(args) > 1 else None)
    is_power = isinstance(exponent, int | float)
    if name in NORMALIZING | ATTENTION or is_denominator or (is_power and exponent < 0):
        contraction.normalizes = True
        return None
    if is_power:
        factor, power = float(abs(factor) ** exponent), power * exponent
    elif number is not None:
        factor *= number
    elif name in PASSING or name == "get":
        return flow._replace(alone=alone and name not in JOINING)
    elif name in SCALINGS and len(results) == 1 and rms(operand) > 0:
        # by other activations, such as the norms of the operands: by how much is measured
        factor *= rms(results[0]) / rms(operand)
    else:
        return None
    contraction.factor, contraction.power = factor, power
    return Flow(contraction, factor, power, alone)


def power_of_norm(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> float:
    """The power of the number of terms by which a norm or a distance grows: 1/2 for p = 2.

    Args:
        name: Name of the function.
        args: Positional arguments of the call.
        kwargs: Keyword arguments of the call.
    """
    position, key = (1, "ord" if name.startswith("linalg") else "p") if name in NORMS else (2, "p")
    p = kwargs.get(key, args[position] if len(args) > position else 2.0)
    return 1 / p if isinstance(p, int | float) and p > 0 else 0.5
