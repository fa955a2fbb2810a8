"""The exponents in width that the theory predicts for a tensor under a parameterization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mutransfer_cli.optimizers.geometry import SIGN, Geometry
from mutransfer_cli.optimizers.shape_factors import LrAdjustment
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
        layer_role: The role of the matrix that it acts with: its own, but for gains of weight
            normalization.
        normed: Whether its layer divides it by its norm, so that its own size has no effect.
        update: Exponent of the effect of the tensor's own update on its module's output.
        logit_update: For a tied tensor, exponent of that effect as the readout.
        init: Exponent of its module's gain on isotropic input at init.
        init_range: How far above `init` that exponent may be.
        decay: Exponent of the share that weight decay removes per step.
        gradient: Exponent of the loss's gradient with respect to its module's output.
        lr: Exponent of its learning rate, in the form of the table's row.
        row_init: Exponent of its init standard deviation, in the form of the table's row.
        geometry: Geometry of its optimizer's updates.
        adjustment: Convention by which its optimizer scales an orthogonalized update, so that the
            rate times its factor has the exponent `lr`; None: there is no such factor.
        sparse: Whether ever fewer of the batch's tokens reach it, so that the effect of a right
            update shrinks a little: the update's own size is judged too.
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
    adjustment: LrAdjustment | None = None
    layer_role: str = ""
    normed: bool = False
    init_range: float = 0.0
    sparse: bool = False

    @property
    def acts_as(self) -> str:
        """The role by which its layer is measured."""
        return self.layer_role or self.role


def is_judged(tensor: TensorShape, family: Family) -> bool:
    """Whether theory has one exponent for a tensor.

    Ports that divide their logits leave the rate of a bias before them as it is; theory multiplies
    it. Both are common. Nothing trained depends on a frozen tensor beside the model: its init is
    free.
    """
    if tensor.role == "scalar" and tensor.name in family.outside_powers:
        return False
    return tensor.role != "fixed" and tensor.name not in family.beside


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
    in_check = 0.0
    if geometry.spectral and geometry.keeps_norm and is_matrix:
        # The gradient of a tiny batch has a fixed rank r, and r equal singular values of the same
        # Frobenius norm are larger by √(min(in, out)/r) than those of a full rank (derived).
        in_check = 0.5 * all(
            any(d in tensor.growing for d in dims) for dims in (tensor.in_dims, tensor.out_dims)
        )
    is_embedding = tensor.role == "input" and any(u.kind == "lookup" for u in tensor.uses)
    return Expectation(
        role=tensor.role,
        update=theory.update_effect - outside + in_check,
        logit_update=theory.logit_effect,
        init=theory.init_effect - outside if is_matrix or is_embedding else None,
        decay=0.0 if independent_decay else theory.lr,
        gradient=theory.output_gradient + outside,
        lr=theory.lr if is_matrix else theory.lr + geometry.lr_power * outside,
        row_init=theory.init if is_matrix else None,
        geometry=geometry,
    )


def bottlenecks(family: Family) -> frozenset[str]:
    """Matrices onto a fixed number of features that another matrix reads, as LoRA's A.

    Their results are features, which may be of order 1 at init, std 1/√n, or vanish like those of a
    readout, std 1/n: both are updated alike where gradients are normalized (derived).
    """
    read = [family.upstream.get(t.name, frozenset()) for t in family.tensors if t.role == "input"]
    inside = frozenset[str]().union(*read)
    readouts = {t.name for t in family.tensors if t.role == "readout"}
    return (inside & readouts) - family.final_readouts


def with_own_factors(expected: Mapping[str, Expectation], family: Family) -> dict[str, Expectation]:
    """The expectations for tensors that the model multiplies by numbers or tensors of its own.

    Under weight normalization, g · V / |V|, the layer's size at init is that of the gain g. An
    update of g that is in proportion to g changes the output in proportion to the output itself,
    which is smaller than 1 at init in a readout, and so is the gradient of g (derived). Scalars
    that the model multiplies by a power of the width are judged by their effects alone.
    """
    result = dict(expected)
    narrow = bottlenecks(family)
    for name, e in expected.items():
        if e.role == "scalar" and name in family.scale_powers:
            result[name] = replace(e, lr=None)
        if name in narrow and not e.geometry.sees_gradient_scale:
            result[name] = replace(e, init_range=0.5)
    for name, gain in family.gains.items():
        own, matrix = expected.get(name), expected.get(gain.matrix)
        if own is None or matrix is None or matrix.init is None or matrix.row_init is None:
            continue
        growing = family.tensor(gain.matrix).growing
        norm = matrix.row_init + sum(d != gain.kept for d in growing) / 2
        powers = max(1.0, -own.geometry.lr_power)
        result[name] = replace(
            own,
            update=own.update + powers * matrix.init,
            init=matrix.init,
            lr=None if own.lr is None else own.lr - own.geometry.lr_power * norm,
            row_init=norm,
            layer_role=matrix.role,
        )
        result[gain.matrix] = replace(matrix, normed=True)
    return result
