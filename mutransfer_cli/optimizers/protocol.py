"""What plans and the theory know about an optimizer: one `OptimizerSpec` for each entry.

A package adds an optimizer with an `OptimizerEntry` (see `catalog.optimizers`) whose implementation
is an `OptimizerSpec`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.roles import selects
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.geometry import Geometry

if TYPE_CHECKING:  # both import torch, which the numbers of an optimizer do without
    from torch.optim import Optimizer

    from mutransfer_cli.optimizers.shape_factors import LrAdjustment
    from mutransfer_cli.tracing.roles import Shape

EpsilonTarget = Literal["gradient entries", "gradient norm"]
"""What epsilon is added to: the size of the gradient's entries, or its Frobenius norm."""


@dataclass(frozen=True, slots=True)
class GroupHyperparameters:
    """Hyperparameters of one parameter group, except learning rate and weight decay."""

    betas: tuple[float, float]
    eps: float | None
    momentum: float
    nesterov: bool


def no_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """The options of an optimizer that takes a learning rate and a weight decay only."""
    return {}


def trains_everything(role: str, shape: Shape) -> bool:
    """Train every tensor."""
    return True


class LrShapeFactor(Protocol):
    """The factor that an optimizer applies to the learning rate of a tensor of this shape."""

    def __call__(self, shape: Shape, adjustment: LrAdjustment | None = None) -> float:
        """The factor under the recipe's `adjust_lr`; None: the class's own."""
        ...


def scales_nothing(shape: Shape, adjustment: LrAdjustment | None = None) -> float:
    """Leave the learning rate unchanged."""
    return 1.0


def as_planned(adjustment: LrAdjustment) -> LrAdjustment:
    """The class follows the recipe's convention."""
    return adjustment


def unconverted(
    options: dict[str, Any], shape: Shape, adjustment: LrAdjustment | None
) -> dict[str, Any]:
    """Return a group's options as they are."""
    return options


def not_in_torch() -> None:
    """Return no class: plans can be made for the optimizer, but nothing can be trained with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSpec:
    """What plans and the theory need to know about an optimizer.

    Attributes:
        name: Its name in the catalog.
        geometry: The geometry of its updates.
        epsilon: What its epsilon is added to; None: it has no epsilon.
        group_options: Returns a parameter group's options other than `lr` and `weight_decay`.
        torch_class: Imports and returns the class; returns None if this installation has none.
        trains: Returns whether it trains a tensor of this role and base shape; the other tensors
            are left to the optimizer that its row in the catalog names.
        lr_shape_factor: Returns the factor that the class itself applies to the learning rate of a
            tensor of this shape.
        class_adjustment: Returns the convention that the class follows for the recipe's
            `adjust_lr`.
        class_options: Converts a group's options from the recipe's `adjust_lr` to what the class
            takes, given the shape.
        tabulated: Whether the published tables for its geometry were made for this optimizer.
        lr_source: Where its learning-rate rules were published, if not in such a table.
        horizon_published: Whether the rules for batch size and training length were published for
            this optimizer.
        adjust_lr: The convention that its class follows, where that was measured.
        measured: What was measured of its geometry, as text; empty: the geometry is known.
        decay_fault: Why its weight decay has no rule; empty: it has one.
    """

    name: str
    geometry: Geometry
    epsilon: EpsilonTarget | None = None
    group_options: Callable[[GroupHyperparameters], dict[str, Any]] = no_options
    torch_class: Callable[[], type[Optimizer] | None] = not_in_torch
    trains: Callable[[str, Shape], bool] = trains_everything
    lr_shape_factor: LrShapeFactor = scales_nothing
    class_adjustment: Callable[[LrAdjustment], LrAdjustment] = as_planned
    class_options: Callable[[dict[str, Any], Shape, LrAdjustment | None], dict[str, Any]] = (
        unconverted
    )
    tabulated: bool = False
    lr_source: str = "derived"
    horizon_published: bool = False
    adjust_lr: str | None = None
    measured: str = ""
    decay_fault: str = ""

    def planned_eps(self, eps: float, entry_size: float, norm_size: float) -> float | None:
        """Epsilon at the target, scaled like the quantity that it is added to.

        Args:
            eps: Epsilon at the base.
            entry_size: Size of the gradient's entries, relative to the base.
            norm_size: Frobenius norm of the gradient of a matrix, relative to the base.

        Returns:
            None where the optimizer has no epsilon.
        """
        if self.epsilon is None:
            return None
        return eps * (entry_size if self.epsilon == "gradient entries" else norm_size)


def optimizer_spec(name: str) -> OptimizerSpec:
    """The implementation of an optimizer of the catalog.

    Raises:
        InputError: There is no such optimizer, or its implementation is not an `OptimizerSpec` of
            this name.
    """
    spec = OPTIMIZERS.require(name, ("optimizer", "name")).load()
    if not isinstance(spec, OptimizerSpec):
        raise InputError(f"{name}: its implementation is not an OptimizerSpec", ("optimizer",))
    if spec.name != name:
        raise InputError(f"{name}: its implementation is named {spec.name!r}", ("optimizer",))
    return spec


def optimizer_of(
    spec: OptimizerSpec,
    role: str,
    shape: Shape,
    name: str = "",
    trains: Sequence[str] = (),
) -> OptimizerSpec:
    """The optimizer that trains a tensor when a recipe names `spec`.

    Args:
        spec: The optimizer of the recipe.
        role: The tensor's role.
        shape: The tensor's shape at the base.
        name: The tensor's name.
        trains: The recipe's roles and patterns of the matrices that `spec` trains; empty: those
            that its authors train with it.
    """
    leaves_to = OPTIMIZERS[spec.name].leaves_to
    if leaves_to is None:
        return spec
    if trains:
        is_trained = len(shape) == 2 and any(selects(key, name, role) for key in trains)
    else:
        is_trained = spec.trains(role, shape)
    return spec if is_trained else optimizer_spec(leaves_to)
