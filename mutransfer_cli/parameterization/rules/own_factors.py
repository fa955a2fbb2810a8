"""The numbers by which a model itself multiplies its tensors, which the rules take into account."""

from __future__ import annotations

from mutransfer_cli.parameterization.rows.powers import CONSTANT, IN, ONE, OUT, Power
from mutransfer_cli.parameterization.rules.plan_context import PlanContext
from mutransfer_cli.tracing.tensor_shape import TensorShape


def matrix_of(tensor: TensorShape, context: PlanContext) -> TensorShape:
    """The matrix that a gain of weight normalization multiplies; of another tensor, itself."""
    gain = context.family.gains.get(tensor.name)
    return context.family.tensor(gain.matrix) if gain else tensor


def form_of(tensor: TensorShape, name: str, context: PlanContext) -> str:
    """Whether the multiplier of a tensor is explicit: multiplier or absorbed.

    Args:
        tensor: The tensor.
        name: Its name in the model at the target.
        context: The inputs that are common to all tensors.
    """
    inner = tensor.role == "readout" and name not in context.final_readouts
    return "absorbed" if inner else context.config.readout


def model_power(tensor: TensorShape, context: PlanContext, form: str) -> Power:
    """The power of its fans by which the model itself multiplies a tensor, as far as it counts.

    The multiplier that a plan installs for the last readouts takes it into account already.

    Args:
        tensor: The tensor.
        context: The inputs that are common to all tensors.
        form: multiplier or absorbed, for this tensor.
    """
    power = context.family.scale_powers.get(tensor.name, 0.0)
    installed = tensor.role == "tied" or (tensor.role == "readout" and form == "multiplier")
    if installed or tensor.role in CONSTANT or context.parameterization.unit_scaled:
        return ONE
    summed = set(tensor.scaling_dims()) <= set(tensor.in_dims)
    return IN**power if summed else OUT**power


def counted_power(tensor: TensorShape, context: PlanContext) -> list[str]:
    """What a plan says of the power of the width by which the model multiplies a tensor."""
    power = context.family.scale_powers.get(tensor.name, 0.0)
    counted = tensor.role == "scalar" or tensor.role not in CONSTANT
    if not power or not counted or context.parameterization.unit_scaled:
        return []
    return [f"the model itself multiplies it by width^{power:g}, which the plan counts"]


def own_factor(tensor: TensorShape, context: PlanContext) -> float:
    """The number by which the model multiplies a scalar or a gain, relative to the base.

    Args:
        tensor: The tensor.
        context: The inputs that are common to all tensors.
    """
    if tensor.name in context.family.gains:
        return 1 / norm_of_rows(tensor, context)
    if tensor.role != "scalar" or context.parameterization.unit_scaled or one_rate(context):
        return 1.0
    return float(context.m_width ** context.family.scale_powers.get(tensor.name, 0.0))


def one_rate(context: PlanContext) -> bool:
    """Whether the parameterization has one learning rate for all tensors."""
    return (
        context.parameterization.single_lr_source is not None and context.config.alignment is None
    )


def norm_of_rows(gain: TensorShape, context: PlanContext) -> float:
    """The norm of what a gain of weight normalization is for, relative to the base.

    A gain g replaces the norm of the rows of its matrix V, so its init and, in proportion, its
    update are as large as those norms are under the rules for V: V's own scale cancels in
    g · V / |V| (derived; all dimensions that grow are assumed to be proportional to the width).

    Args:
        gain: The gain.
        context: The inputs that are common to all tensors.
    """
    normed = context.family.gains[gain.name]
    matrix = matrix_of(gain, context)
    form = form_of(matrix, matrix.name, context)
    row = context.parameterization.row(matrix.role, form)
    row = row.shifted(model_power(matrix, context, form))
    m = context.m_width
    m_in, m_out = (
        m ** sum(d in matrix.growing for d in dims) for dims in (matrix.in_dims, matrix.out_dims)
    )
    summed = sum(d in matrix.growing for d in range(len(matrix.base_shape)) if d != normed.kept)
    return float(row.init(m_in, m_out) * m ** (summed / 2))
