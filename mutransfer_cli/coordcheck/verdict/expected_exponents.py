"""The exponents in width that the theory predicts for a tensor under a parameterization."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.optimizers.geometry import SIGN, Geometry
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.exponents import exponents
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.tensor_shape import TensorShape

# The check multiplies their effects by the number that follows their module.
MEASURED_WITH_MULTIPLIER = frozenset({"input", "readout", "tied"})


@dataclass(frozen=True, slots=True)
class Expectation:
    """Expected exponents of the width for one tensor; None: not judged.

    Attributes:
        role: The tensor's role.
        update: Exponent of the effect of the tensor's own update on its module's output.
        logit_update: For a tied tensor, exponent of that effect as the readout.
        init: Exponent of its module's gain on isotropic input at init.
        decay: Exponent of the share that weight decay removes per step.
        gradient: Exponent of the loss's gradient with respect to its module's output.
        lr: Exponent of its learning rate, in the form of the table's row.
        row_init: Exponent of its init standard deviation, in the form of the table's row.
        geometry: Geometry of its optimizer's updates.
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


def is_judged(tensor: TensorShape, family: Family) -> bool:
    """Whether theory has one exponent for a tensor.

    Ports that divide their logits leave the rate of a bias before them as it is; theory multiplies
    it. Both are common.
    """
    if tensor.role == "scalar" and tensor.name in family.outside_powers:
        return False
    return tensor.role != "fixed"


def expectation(
    tensor: TensorShape,
    parameterization: str,
    geometry: Geometry,
    independent_decay: bool = True,
    alignment: str | None = None,
    tied: bool = False,
    outside: float = 0.0,
) -> Expectation:
    """The expected exponents of one tensor, the same in every abc-equivalent form.

    Args:
        tensor: The tensor, with its role and its growing dimensions.
        parameterization: The name of the parameterization.
        geometry: Geometry of its optimizer's updates.
        independent_decay: Whether lr × weight_decay is meant to be constant.
        alignment: full, none, or None for the parameterization's default.
        tied: Whether the model's readout is its embedding.
        outside: Exponent of the number by which the model multiplies the result of the tensor's
            module, which has to be larger by the inverse.
    """
    if tensor.role in MEASURED_WITH_MULTIPLIER:
        outside = 0.0
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
        update=theory.update_effect - outside,
        logit_update=theory.logit_effect,
        init=theory.init_effect - outside if is_matrix else None,
        decay=0.0 if independent_decay else theory.lr,
        gradient=theory.output_gradient + outside,
        lr=theory.lr if is_matrix else theory.lr + geometry.lr_power * outside,
        row_init=theory.init if is_matrix else None,
        geometry=geometry,
    )
