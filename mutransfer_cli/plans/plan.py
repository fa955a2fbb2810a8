"""The plan: the rules applied to one model at one size, with numbers for each tensor."""

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

    Plans come from `plan`, or from `load_plan`, which reads a file of `mutransfer scale --format
    json` or of `save`. A training script calls `initialize`, `install` and `optimizers`, in this
    order. The rules are those of Tensor Programs V (arXiv 2203.03466), Table 8, and their
    extensions; the `source` of each tensor names its own.
    """

    def initialize(self, model: nn.Module, seed: int = 0) -> None:
        """Initialize the model's parameters in place: normal with each tensor's `init_std`.

        Each tensor draws from its own stream of `seed` and its name, so the numbers do not depend
        on the order of parameters, on wrappers (torch.compile, DDP, AveragedModel) or on sharding
        (FSDP2). Tensors whose `init` is `keep` stay as the model has them; those with `rescale`
        keep their own distribution. Call it after `to_empty` for a model on the meta device.

        Args:
            model: The model at the target's size, perhaps wrapped, compiled or sharded.
            seed: Seed of all streams.

        Raises:
            InputError: The model's parameters are not those of the plan, or are on the meta device.
        """
        initialization.initialize(self, model, seed)

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Parameter groups for one torch optimizer, or for one of your own.

        Each group has `params`, `lr` (per step, at its peak), `weight_decay` (decoupled as in
        torch's AdamW: each step shrinks weights by the share lr × weight_decay), and if the
        optimizer has them, `eps`, `betas` and `momentum`. The numbers of a group are final: nothing
        may scale them again.

        Raises:
            InputError: The model's parameters are not those of the plan, or the plan needs two
                optimizers (Muon and AdamW): then use `optimizers`.
        """
        return param_groups.single_optimizer_groups(self, model)

    def optimizers(self, model: nn.Module) -> list[Optimizer]:
        """The torch optimizers over the model's parameters, with the plan's groups.

        There is one, or two (Muon and AdamW). Use a schedule that multiplies every group's rate by
        the same factor, such as LambdaLR. If the ratios of the rates are not the plan's at a step,
        as with OneCycleLR or with one floor for all groups, or if a tensor was unfrozen after the
        optimizer was created, it raises an `InputError` (see `verify`).

        Raises:
            InputError: torch has no such optimizer: then use `param_groups`.
        """
        parameters = parameters_by_name(self, model)
        optimizers = param_groups.optimizers_over(self, parameters)
        lr_ratio_guard.attach_guards(self, parameters, optimizers)
        return optimizers

    def verify(self, model: nn.Module, *optimizers: Optimizer) -> None:
        """Check that optimizers of your own, created from `param_groups`, follow the plan.

        Call it after creating the schedule, and later as often as you like. The rates may differ
        from the plan's by one factor that is common to all, which may be 0.

        Raises:
            InputError: The ratios of the rates are not the plan's (the message names the tensor and
                the scheduler), or a tensor is in no group.
        """
        lr_ratio_guard.verify(self, parameters_by_name(self, model), optimizers)

    def install(self, model: nn.Module) -> None:
        """Install the forward multipliers (`Plan.forward`) in the model, once.

        Float attributes that the model has for them are set; otherwise hooks multiply the input or
        the output of modules. A compiled model is recompiled. State dicts stay the same.

        Raises:
            InputError: They are installed already, the model has no place for one, or tensors have
                multipliers of their own, as under u-muP, which the model does not apply.
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
