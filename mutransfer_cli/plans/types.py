"""The data of a plan, without torch or a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mutransfer_cli.catalog.sizes import multipliers
from mutransfer_cli.optimizers.shape_factors import LrAdjustment, lr_adjustment

Sizes = Mapping[str, int]  # width, depth, batch, steps


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """One tensor's numbers at the target, absolute, as torch's optimizers take them.

    Attributes:
        name: Name of the parameter.
        role: The parameter's role in the forward pass (`tracing.roles.Role`).
        shape: Shape at the target.
        base_shape: Shape at the base.
        growing: The dimensions that grow with the width.
        fan_in: Entries that one output sums over; 1 for a lookup or a vector.
        fan_out: Entries of the output that one input reaches.
        init: normal, zero, keep (as the model has it) or rescale (the model's own, to `init_std`).
        init_std: Standard deviation at init; None: the model's own init is kept.
        multiplier: Forward multiplier of this tensor, in addition to those in `Plan.forward`.
        lr: Learning rate per step, at its peak.
        weight_decay: Decoupled decay: each step shrinks weights by the share lr × weight_decay.
        eps: The optimizer's epsilon; None: it has none.
        source: Paper and table of the rules.
        optimizer: The optimizer that trains it; empty: the plan's optimizer.
        why: The derivation, in one line.
        note: What could not be found out about the tensor; empty: nothing.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    base_shape: tuple[int, ...]
    growing: tuple[int, ...]
    fan_in: int
    fan_out: int
    init: str
    init_std: float | None
    multiplier: float
    lr: float
    weight_decay: float
    eps: float | None
    source: str
    optimizer: str = ""
    why: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a forward multiplier is installed.

    Attributes:
        how: attribute (of every module that has it), input or output (a hook on modules).
        modules: Names of the modules that get a hook.
        attribute: Name of the attribute.
    """

    how: str
    modules: tuple[str, ...] = ()
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class PlanData:
    """The numbers of a plan; `Plan` adds the methods that apply them.

    Attributes:
        tensors: The numbers of each parameter of the model.
        forward: Forward multipliers outside of tensors, such as attention_scale, residual_scale and
            logit_scale; None: the model has no such thing.
        sites: Where to install those multipliers that have to be installed.
        form: multiplier, or absorbed into the readout's init and learning rate.
        parameterization: Name of the parameterization in the catalog.
        optimizer: Name of the optimizer in the catalog.
        betas: Decay of the first and second moment per step.
        momentum: Momentum, for optimizers that have one.
        clip: Threshold of the global gradient norm; None: no clipping.
        base: The size at which hyperparameters are quoted.
        target: The size that the plan is for.
        nesterov: Whether momentum is Nesterov momentum.
        adjust_lr: Convention for the scale of Muon's update in which learning rates are quoted
            (`catalog.lr_adjustments`); None: the optimizer has none, or its class's own.
        adjust_lr_factor: Coefficient of the convention; None: that of its row in the catalog.
    """

    tensors: tuple[TensorPlan, ...]
    forward: Mapping[str, float | None]
    sites: Mapping[str, Site]
    form: str
    parameterization: str
    optimizer: str
    betas: tuple[float, float]
    momentum: float
    clip: float | None
    base: Sizes
    target: Sizes
    nesterov: bool = False
    adjust_lr: str | None = None
    adjust_lr_factor: float | None = None

    @property
    def multipliers(self) -> dict[str, float]:
        """The ratio target/base along each axis; that of `duration` counts examples."""
        return multipliers(self.base, self.target)

    def tensor(self, name: str) -> TensorPlan:
        """The numbers of one tensor.

        Raises:
            KeyError: There is no tensor of this name.
        """
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)


def adjustment_of(plan: PlanData) -> LrAdjustment | None:
    """The convention for the scale of updates in which the plan's rates are quoted."""
    if plan.adjust_lr is None:
        return None
    return lr_adjustment(plan.adjust_lr, plan.adjust_lr_factor)
