"""How a tensor is initialized."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from math import sqrt

from mutransfer_cli.parameterization.rows.powers import ONE
from mutransfer_cli.parameterization.tensors.tensor_scaling import TensorScaling
from mutransfer_cli.tracing.tensor_shape import TensorShape


def matches_any(name: str, patterns: Sequence[str]) -> bool:
    """Whether any pattern matches a tensor's name."""
    return any(fnmatchcase(name, p) for p in patterns)


def is_matrix(tensor: TensorShape) -> bool:
    """Whether a tensor is a matrix or an embedding, which `decay: matrices` decays."""
    return bool(tensor.in_dims) or any(u.kind == "lookup" for u in tensor.uses)


def initial_std(scaling: TensorScaling) -> tuple[str, float | None]:
    """How a tensor is initialized: `TensorPlan.init` and `TensorPlan.init_std`.

    Args:
        scaling: The rules that hold for the tensor, and the factors by which it grew.
    """
    tensor, context = scaling.tensor, scaling.context
    init, family = context.config.init, context.family
    factor, at_base = scaling.init_factor, scaling.at_base
    if matches_any(scaling.name, init.zero):
        return "zero", 0.0
    if family.pretrained or tensor.name in family.frozen:  # as it was made
        return "keep", None
    if tensor.role == "fixed" or not is_matrix(tensor):
        follows = (tensor.name in family.gains or tensor.name in family.resized) and not at_base
        if tensor.base_rms == 0.0 or (factor == 1.0 and not follows):
            return "keep", None
        return "rescale", tensor.base_rms * factor
    if context.parameterization.unit_scaled:
        return "normal", 1.0
    if init.source == "model":
        if tensor.base_rms == 0.0:
            return "keep", 0.0
        return ("keep" if at_base else "rescale"), tensor.base_rms * factor
    if any(u.kind == "lookup" for u in tensor.uses):
        std = init.embedding_std
    else:
        own = init.readout_std if tensor.role == "readout" else init.std
        std = default_std(scaling) if own is None else own
    if init.residual and tensor.name in family.ends:
        std /= sqrt(2 * context.init_depth)
    return "normal", std * factor


def default_std(scaling: TensorScaling) -> float:
    """1/√fan_in at the base.

    Where the model multiplies the tensor by a number that depends on the width, it is the product
    of the standard deviation and this number.
    """
    tensor = scaling.tensor
    by_model = 1.0
    if scaling.by_model != ONE:
        by_model = abs(scaling.context.family.scale_values.get(tensor.name, 1.0))
    return 1 / sqrt(tensor.fans(tensor.base_shape)[0]) / by_model
