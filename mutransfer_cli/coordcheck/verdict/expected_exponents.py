"""The exponents in width that a parameterization asks of a tensor, derived from its rule row."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.parameterization import init_tables as table
from mutransfer_cli.parameterization.lr_rules import GEOMETRY, rates
from mutransfer_cli.tracing.family import TensorShape


@dataclass(frozen=True, slots=True)
class Expectation:
    """Of one tensor; None: not judged."""

    role: str
    update: float  # size of the effect of its own update on its module's output
    init: float | None  # gain of its module on isotropic input, at init
    decay: float  # share of the tensor that weight decay takes away per step
    rate: float | None = 0.0  # of the learning rate, in the table's own form
    row_init: float | None = None  # of the init, in the table's own form
    scale_free: bool = True  # Adam: an update's size does not depend on the gradient's


def expectation(
    tensor: TensorShape,
    parameterization: str,
    optimizer: str,
    independent_decay: bool = True,
    alignment: str | None = None,
    tied: bool = False,
) -> Expectation:
    """Derived (rules: §5.1 of the derivation kit; Tensor Programs V, appendix J).

    An update of entries lr·|update| acts on an aligned input as mult · lr · |update| · fan_in: the
    update's entries are Θ(1) for Adam and of the gradient's size for SGD. Weights act on an
    isotropic input as mult · std · √fan_in. Every abc-equivalent form gives the same numbers, so
    the readout's form does not matter.
    """
    row = table.row(parameterization, tensor.role)
    rule = rates(row, tensor.role, parameterization, optimizer, alignment=alignment, tied=tied)
    into = any(d in tensor.growing for d in tensor.in_dims)
    out = any(d in tensor.growing for d in tensor.out_dims)
    mult = row.multiplier.in_width(into, out)
    geometry = GEOMETRY[optimizer]
    size = {"gradient": rule.gradient, "relative": row.init}.get(geometry, table.ONE)
    coherent = 1.0 if into else 0.0
    lr = rule.lr.in_width(into, out)
    update = mult + lr + size.in_width(into, out) + coherent
    if geometry == "spectral" and tensor.role not in {"vector", "tied"}:
        update = mult + lr + (0.5 if into else 0.0) - (0.5 if out else 0.0)  # spectral norm lr
    matrix = bool(tensor.in_dims) and tensor.role not in {"tied", "fixed"}
    init = mult + row.init.in_width(into, out) + coherent / 2 if matrix else None
    decay = 0.0 if independent_decay else lr
    own = row.init.in_width(into, out) if matrix else None
    return Expectation(tensor.role, update, init, decay, lr, own, geometry != "gradient")
