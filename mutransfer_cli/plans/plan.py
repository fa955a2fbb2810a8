"""The plan: rules applied to one model at one size, a line a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

Sizes = Mapping[str, int]  # width, depth, batch, steps


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """One tensor's numbers at the target, absolute, as torch's optimizers take them.

    name, shape: of the parameter. role: what the forward pass uses it as: input, hidden, readout,
    vector, scalar, tied, convolution, expert or fixed. growing: the dimensions that grow with the
    width. fan_in: entries summed over (1: a lookup, a vector). lr: per step, at the peak.
    weight_decay: a step takes off lr × weight_decay. source: paper and table of the rule.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    base_shape: tuple[int, ...]
    growing: tuple[int, ...]
    fan_in: int
    fan_out: int
    init: str  # normal | zero | keep (as the model has it) | rescale (the model's own, to init_std)
    init_std: float | None  # None: the model's own init is kept
    multiplier: float  # forward multiplier of this tensor, beside those in Plan.forward
    lr: float
    weight_decay: float
    eps: float | None  # None: the optimizer has none
    source: str
    optimizer: str = ""  # which one trains it; muon leaves some tensors to adamw
    why: str = ""  # the derivation, in a line


@dataclass(frozen=True, slots=True)
class Site:
    """Where a forward multiplier is put: a float attribute, or hooks on modules."""

    how: str  # attribute | input | output
    modules: tuple[str, ...] = ()
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the large run needs; holds no reference to any model.

    From `load_plan` (a file of `mutransfer scale --format json`, or of `save`) or from `plan`. In
    a training script: `initialize`, `install`, `optimizers`, in this order. The rules are those of
    Tensor Programs V (arXiv 2203.03466), Table 8, and their extensions; every tensor's `source`
    names its own.
    """

    tensors: tuple[TensorPlan, ...]
    forward: Mapping[str, float | None]  # attention_scale, residual_scale, logit_scale, ...
    sites: Mapping[str, Site]
    form: str  # multiplier | absorbed
    parameterization: str
    optimizer: str  # sgd | adam | adamw | lion | adafactor | muon | shampoo | soap
    betas: tuple[float, float]
    momentum: float
    clip: float | None  # threshold of the global gradient norm
    base: Sizes
    target: Sizes
    nesterov: bool = False

    @property
    def multipliers(self) -> dict[str, float]:
        """The ratios target/base along each axis; duration is that of the examples seen."""
        ratio = {k: self.target[k] / self.base[k] for k in ("width", "depth", "batch", "steps")}
        return {
            "width": ratio["width"],
            "depth": ratio["depth"],
            "batch": ratio["batch"],
            "duration": ratio["steps"] * ratio["batch"],
        }

    def tensor(self, name: str) -> TensorPlan:
        """The line of one tensor; KeyError if there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)

    def initialize(self, model: nn.Module, seed: int = 0) -> None:
        """Initialise the model's parameters in place: normal with each tensor's `init_std`.

        Each tensor draws from its own stream of `seed` and its name, so the numbers do not depend
        on the order of parameters, on wrappers (torch.compile, DDP, AveragedModel) or on sharding
        (FSDP2). Tensors with `init` keep stay as the model has them, rescale keep their own
        distribution. Call it after `to_empty` for a model on the meta device.

        Raises InputError if the model's parameters are not those of the plan, or are on meta.
        """
        from mutransfer_cli.plans.apply import initialize

        initialize(self, model, seed)

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Parameter groups for one torch optimizer, or one of your own.

        Each has `params`, `lr` (per step, at its peak), `weight_decay` (decoupled, as torch's AdamW
        takes it: a step takes off lr × weight_decay), and where the optimizer has them `eps`,
        `betas`, `momentum`. The numbers of a group are final: nothing may scale them again.

        Raises InputError if the model's parameters are not those of the plan, or if the plan needs
        two optimizers (muon and AdamW): then take `optimizers`.
        """
        from mutransfer_cli.plans.apply import param_groups

        return param_groups(self, model)

    def optimizers(self, model: nn.Module) -> list[Optimizer]:
        """The torch optimizers over the model's parameters, with the plan's groups.

        One, or Muon and AdamW. Take a schedule that multiplies every group's rate by the same
        factor, such as LambdaLR; a step at other ratios of the rates than the plan's, which
        OneCycleLR or one floor for all groups would make, raises InputError (see `verify`).

        Raises InputError where torch has no such optimizer: then take `param_groups`.
        """
        from mutransfer_cli.plans.apply import optimizers, parameters_of
        from mutransfer_cli.plans.lr_ratio_guard import watch

        made = optimizers(self, model)
        found = parameters_of(self, model)
        for optimizer in made:
            watch(self, found, optimizer)
        return made

    def verify(self, model: nn.Module, *optimizers: Optimizer) -> None:
        """Make sure that optimizers of your own, made from `param_groups`, still follow the plan.

        Call it when the schedule has been made, and whenever you like later. The rates may be the
        plan's times any one factor, 0 included.

        Raises InputError, naming the tensor and the scheduler, where the ratios of the rates are
        not the plan's, or where a tensor is in no group.
        """
        from mutransfer_cli.plans.apply import parameters_of
        from mutransfer_cli.plans.lr_ratio_guard import verify

        verify(self, parameters_of(self, model), optimizers)

    def install(self, model: nn.Module) -> None:
        """Put the forward multipliers (`Plan.forward`) into the model, once.

        Float attributes that the model has for them are set, else hooks multiply the input or the
        output of modules. A compiled model is made to compile again. State dicts do not change.

        Raises InputError for a model that has them already.
        """
        from mutransfer_cli.plans.apply import install

        install(self, model)

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, which `load_plan` reads; InputError where it cannot be written.

        `mutransfer schema scale` prints the schema of what `scale --format json` writes, which has
        all of it and more.
        """
        from mutransfer_cli.plans.serialization import write_plan

        write_plan(self, Path(path))
