"""Rules for axes from other packages: factors on a tensor's numbers.

The built-in axes have rules of their own: width in `lr_rules`, depth in `depth_rules`, batch size
and training length in `horizon_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from mutransfer_cli.catalog.sizes import FURTHER_AXES
from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.plans.types import TensorPlan


@dataclass(frozen=True, slots=True)
class AxisFactors:
    """Factors on the numbers of a tensor at the target.

    Attributes:
        lr: Factor on the learning rate.
        weight_decay: Factor on the weight decay.
        eps: Factor on the optimizer's epsilon.
        init_std: Factor on the init standard deviation, for tensors that the plan initializes.
        why: The derivation, in one line.
    """

    lr: float = 1.0
    weight_decay: float = 1.0
    eps: float = 1.0
    init_std: float = 1.0
    why: str = ""


class AxisRule(Protocol):
    """How a tensor's numbers scale along an axis."""

    def __call__(self, role: str, geometry: Geometry, ratio: float) -> AxisFactors:
        """Return the factors.

        Args:
            role: The tensor's role.
            geometry: Geometry of the optimizer that trains the tensor.
            ratio: The ratio target/base of the axis's size.
        """
        ...


def follow_further_axes(
    tensor: TensorPlan, geometry: Geometry, base: Mapping[str, int], target: Mapping[str, int]
) -> TensorPlan:
    """Apply the rules of all further axes to one tensor.

    Args:
        tensor: The tensor's numbers by the rules of the built-in axes.
        geometry: Geometry of the optimizer that trains the tensor.
        base: Sizes at the base, by name.
        target: Sizes at the target, by name.
    """
    for row in FURTHER_AXES:
        rule: AxisRule | None = row.load()
        if rule is None:
            continue
        factors = rule(tensor.role, geometry, target[row.size] / base[row.size])
        std = tensor.init_std
        tensor = replace(
            tensor,
            lr=tensor.lr * factors.lr,
            weight_decay=tensor.weight_decay * factors.weight_decay,
            eps=None if tensor.eps is None else tensor.eps * factors.eps,
            init_std=None if std is None else std * factors.init_std,
            why="; ".join(filter(None, (tensor.why, factors.why))),
        )
    return tensor
