"""The exponents in width that a parameterization asks of a tensor, derived from its rule row."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.exponents import exponents
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
    geometry = optimizer_spec(optimizer).geometry
    expected = exponents(
        parameterization_of(parameterization),
        geometry,
        tensor.role,
        grows_in=any(d in tensor.growing for d in tensor.in_dims),
        grows_out=any(d in tensor.growing for d in tensor.out_dims),
        alignment=alignment,
        tied=tied,
    )
    matrix = bool(tensor.in_dims) and tensor.role not in {"tied", "fixed"}
    return Expectation(
        tensor.role,
        expected.update_effect,
        expected.init_effect if matrix else None,
        0.0 if independent_decay else expected.lr,
        expected.lr,
        expected.init if matrix else None,
        not geometry.sees_gradient_scale,
    )
