"""Sections `optimizer`, `init`, `multipliers` and `schedule`, quoted at the base."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mutransfer_cli.catalog.fields import (
    Betas,
    Fraction,
    Momentum,
    NonNegative,
    Number,
    PositiveNumber,
    Section,
    Switch,
    Text,
    refuse,
)
from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.own_optimizers import is_own, own_name
from mutransfer_cli.recipe.schema.names import LrAdjustmentName, OptimizerName


class Optimizer(Section):
    """The optimizer and its hyperparameters at the base."""

    name: OptimizerName = "adamw"
    """The optimizer; package.module:Class is one of your own, whose geometry is measured."""
    args: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of a class of your own."""
    lr: PositiveNumber = 0.005
    """Peak learning rate."""
    betas: Betas = (0.9, 0.95)
    """Decay of the first and second moment per step."""
    eps: NonNegative = 1e-8
    """Added to the root of the second moment."""
    weight_decay: NonNegative = 0.1
    """As torch defines it; by default 0.1, and 0 for optimizers whose decay is not decoupled."""
    momentum: Momentum = 0.0
    """Of an optimizer that has one apart from its betas; of muon 0 means its usual 0.95."""
    nesterov: Switch = False
    """Nesterov's momentum, for an optimizer that knows it."""
    adamw_lr: PositiveNumber | None = None
    """Learning rate of the tensors that muon leaves to AdamW; null: lr."""
    adjust_lr: LrAdjustmentName | None = None
    """Convention for the scale of muon's update in which lr is quoted; null: torch's original."""
    adjust_lr_factor: PositiveNumber | None = None
    """Coefficient of the convention, where its library takes one; null: the library's own."""
    trains: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Roles and patterns of the matrices that muon and its kind train, such as [hidden, readout];
    AdamW trains the rest; null: hidden matrices, as their authors do."""

    @property
    def full_name(self) -> str:
        """The name by which plans and measurements know it: with the arguments of an own class."""
        return own_name(self.name, self.args)

    @model_validator(mode="after")
    def _fields_of_few(self) -> Optimizer:
        row = OPTIMIZERS[self.name]
        if "{" in self.name:
            raise refuse("expected package.module:Class, and its arguments as args")
        if self.args and not is_own(self.name):
            raise refuse(f"args belong to a class of your own, {self.name} takes none")
        if self.nesterov and not (row.nesterov and self.momentum > 0):
            names = " or ".join(o.name for o in OPTIMIZERS if o.nesterov)
            raise refuse(
                f"nesterov is a kind of {names}'s momentum: give name: {names} and a momentum"
            )
        if self.adamw_lr is not None and row.leaves_to is None:
            names = " or ".join(o.name for o in OPTIMIZERS if o.leaves_to is not None)
            raise refuse(f"adamw_lr belongs to {names}, which leaves some tensors to AdamW")
        if self.trains is not None and row.leaves_to is None:
            names = " or ".join(o.name for o in OPTIMIZERS if o.leaves_to is not None)
            raise refuse(f"trains belongs to {names}; {self.name} trains every tensor")
        if self.adjust_lr is not None and row.adjust_lr is None:
            names = " or ".join(o.name for o in OPTIMIZERS if o.adjust_lr is not None)
            raise refuse(f"adjust_lr belongs to {names}, not to {self.name}")
        convention = LR_ADJUSTMENTS.get(self.adjust_lr or row.adjust_lr)
        if self.adjust_lr_factor is not None and not (convention and convention.takes_factor):
            names = ", ".join(r.name for r in LR_ADJUSTMENTS if r.takes_factor)
            raise refuse(f"adjust_lr_factor belongs to adjust_lr: {names}")
        return self


class Init(Section):
    """Standard deviations at initialization, at the base."""

    from_: Literal["fan_in", "model"] = Field(default="fan_in", alias="from")
    """fan_in: by the rule; model: as the model's authors initialize it."""
    std: PositiveNumber | None = None
    """Matrices; null: 1/sqrt(fan_in)."""
    embedding_std: PositiveNumber = 0.1
    """Token and position embeddings."""
    readout_std: PositiveNumber | None = None
    """Readout; null: 1/sqrt(base width)."""
    residual: Literal["none", "gpt2"] = "none"
    """gpt2: output projections of a block divided by sqrt(2 depth)."""
    zero: tuple[Text, ...] = ()
    """Patterns of tensors that start at zero."""


class Multipliers(Section):
    """Forward multipliers at the base."""

    embedding: Number = 1.0
    """After the embedding."""
    logit: Number = 1.0
    """On the logits."""
    attention: Number | None = None
    """On q·k; null: sqrt(d0)/d_head with d0 the head size at the base."""
    residual: Number | None = None
    """On every residual branch; null: 1."""


class Schedule(Section):
    """The learning rate over a run, as a share of the peak."""

    name: Literal["linear", "cosine", "constant", "wsd"] = "linear"
    """Shape after the warmup."""
    warmup: Fraction = 0.1
    """Share of the steps spent rising from zero."""
    final: Fraction = 0.0
    """Learning rate at the end, as a share of the peak."""
    decay: Fraction = 0.2
    """Share of the steps in wsd's decay."""

    @model_validator(mode="after")
    def _fits(self) -> Schedule:
        if self.name == "wsd" and self.warmup + self.decay > 1:
            raise refuse(
                f"warmup and decay are shares of one run: {self.warmup:g} + {self.decay:g} > 1"
            )
        return self
