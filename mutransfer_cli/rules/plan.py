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
    """One tensor's numbers at the target, absolute, as torch's optimizers take them."""

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
    """Everything that the large run needs; holds no reference to any model."""

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
        """Initialise the model's parameters in place, each from its own stream of `seed`.

        Raises InputError if the model's parameters are not those of the plan.
        """
        from mutransfer_cli.rules.apply import initialize

        initialize(self, model, seed)

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Parameter groups for one torch optimizer: lr, weight_decay, eps, betas or momentum.

        Raises InputError if the model's parameters are not those of the plan, or if the plan needs
        two optimizers (muon and AdamW): then take `optimizers`.
        """
        from mutransfer_cli.rules.apply import param_groups

        return param_groups(self, model)

    def optimizers(self, model: nn.Module) -> list[Optimizer]:
        """The torch optimizers over the model's parameters, with the plan's groups.

        Raises InputError where torch has no such optimizer: then take `param_groups`.
        """
        from mutransfer_cli.rules.apply import optimizers

        return optimizers(self, model)

    def install(self, model: nn.Module) -> None:
        """Put the forward multipliers into the model: attributes where it has them, else hooks."""
        from mutransfer_cli.rules.apply import install

        install(self, model)

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, which `load_plan` reads."""
        from mutransfer_cli.rules.document import write_plan

        write_plan(self, Path(path))
