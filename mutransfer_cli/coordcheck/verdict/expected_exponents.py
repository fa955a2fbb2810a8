"""The exponents in width that a parameterization asks of a tensor, from the theory's table."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.geometry import SIGN, Geometry
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.exponents import exponents
from mutransfer_cli.tracing.family import TensorShape


@dataclass(frozen=True, slots=True)
class Expectation:
    """Exponents of the width that are right for one tensor; None: not judged.

    Attributes:
        role: The tensor's role.
        update: Of the effect of its own update on its module's output.
        logit_update: Of a tied tensor, the same where it is the readout.
        init: Of its module's gain on isotropic input at init.
        decay: Of the share that weight decay takes away per step.
        gradient: Of the gradient of the loss with respect to its module's output.
        lr: Of its learning rate, in the form in which the table has the row.
        row_init: Of its init standard deviation, in the form in which the table has the row.
        geometry: Of the updates of its optimizer.
    """

    role: str
    update: float
    init: float | None
    decay: float
    logit_update: float = 0.0
    gradient: float = 0.0
    lr: float | None = 0.0
    row_init: float | None = None
    geometry: Geometry = SIGN


def expectation(
    tensor: TensorShape,
    parameterization: str,
    geometry: Geometry,
    independent_decay: bool = True,
    alignment: str | None = None,
    tied: bool = False,
) -> Expectation:
    """What is right for one tensor, the same in every abc-equivalent form.

    Args:
        tensor: The tensor, with its role and its growing dimensions.
        parameterization: The name of the parameterization.
        geometry: Of the updates of its optimizer.
        independent_decay: Whether lr × weight_decay is meant to be constant.
        alignment: full, none, or None for the parameterization's default.
        tied: Whether the model's readout is its embedding.
    """
    theory = exponents(
        parameterization_of(parameterization),
        geometry,
        tensor.role,
        grows_in=any(d in tensor.growing for d in tensor.in_dims),
        grows_out=any(d in tensor.growing for d in tensor.out_dims),
        alignment=alignment,
        tied=tied,
    )
    is_matrix = bool(tensor.in_dims) and tensor.role not in {"tied", "fixed"}
    return Expectation(
        role=tensor.role,
        update=theory.update_effect,
        logit_update=theory.logit_effect,
        init=theory.init_effect if is_matrix else None,
        decay=0.0 if independent_decay else theory.lr,
        gradient=theory.output_gradient,
        lr=theory.lr,
        row_init=theory.init if is_matrix else None,
        geometry=geometry,
    )
