"""The plan: rules applied to one model at one size, a line for each tensor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from mutransfer_cli.plans import forward_hooks, initialization, lr_ratio_guard, param_groups
from mutransfer_cli.plans.parameters import parameters_by_name
from mutransfer_cli.plans.serialization import write_plan
from mutransfer_cli.plans.types import PlanData


@dataclass(frozen=True, slots=True)
class Plan(PlanData):
    """Everything that the large run needs; holds no reference to any model.

    From `load_plan` (a file of `mutransfer scale --format json`, or of `save`) or from `plan`. In
    a training script: `initialize`, `install`, `optimizers`, in this order. The rules are those of
    Tensor Programs V (arXiv 2203.03466), Table 8, and their extensions; every tensor's `source`
    names its own.
    """

    def initialize(self, model: nn.Module, seed: int = 0) -> None:
        """Initialise the model's parameters in place: normal with each tensor's `init_std`.

        Each tensor draws from its own stream of `seed` and its name, so the numbers do not depend
        on the order of parameters, on wrappers (torch.compile, DDP, AveragedModel) or on sharding
        (FSDP2). Tensors whose `init` is `keep` stay as the model has them; those with `rescale`
        keep their own distribution. Call it after `to_empty` for a model on the meta device.

        Args:
            model: The model at the target's size, perhaps wrapped, compiled or sharded.
            seed: Of all streams.

        Raises:
            InputError: The model's parameters are not those of the plan, or are on meta.
        """
        initialization.initialize(self, model, seed)

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Parameter groups for one torch optimizer, or one of your own.

        Each has `params`, `lr` (per step, at its peak), `weight_decay` (decoupled, as torch's AdamW
        takes it: a step takes off lr × weight_decay), and where the optimizer has them `eps`,
        `betas`, `momentum`. The numbers of a group are final: nothing may scale them again.

        Raises:
            InputError: The model's parameters are not those of the plan, or the plan needs two
                optimizers (Muon and AdamW): then take `optimizers`.
        """
        return param_groups.single_optimizer_groups(self, model)

    def optimizers(self, model: nn.Module) -> list[Optimizer]:
        """The torch optimizers over the model's parameters, with the plan's groups.

        One, or Muon and AdamW. Take a schedule that multiplies every group's rate by the same
        factor, such as LambdaLR. A step with other ratios of the rates than the plan's, which
        OneCycleLR or one floor for all groups would cause, is an `InputError` (see `verify`).

        Raises:
            InputError: torch has no such optimizer: then take `param_groups`.
        """
        parameters = parameters_by_name(self, model)
        optimizers = param_groups.optimizers_over(self, parameters)
        for optimizer in optimizers:
            lr_ratio_guard.attach_guard(self, parameters, optimizer)
        return optimizers

    def verify(self, model: nn.Module, *optimizers: Optimizer) -> None:
        """Make sure that optimizers of your own, made from `param_groups`, follow the plan.

        Call it after the schedule has been made, and as often as you like later. The rates may be
        the plan's times one factor for all, 0 included.

        Raises:
            InputError: The ratios of the rates are not the plan's (the message names the tensor and
                the scheduler), or a tensor is in no group.
        """
        lr_ratio_guard.verify(self, parameters_by_name(self, model), optimizers)

    def install(self, model: nn.Module) -> None:
        """Put the forward multipliers (`Plan.forward`) into the model, once.

        Float attributes that the model has for them are set; otherwise hooks multiply the input or
        the output of modules. A compiled model is made to compile again. State dicts stay the same.

        Raises:
            InputError: The model has them already.
        """
        forward_hooks.install(self, model)

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, which `load_plan` reads.

        `mutransfer schema scale` prints the schema of what `scale --format json` writes, which
        contains the plan and more.

        Raises:
            InputError: The file cannot be written.
        """
        write_plan(self, Path(path))
