"""Sections `optimizer`, `init`, `multipliers` and `schedule`, quoted at the base."""

from __future__ import annotations

from typing import Literal

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


class Optimizer(Section):
    """The optimizer and its hyperparameters at the base."""

    name: Literal["adamw", "adam", "sgd", "lion", "muon", "adafactor", "shampoo", "soap"] = "adamw"
    """Which optimizer."""
    lr: PositiveNumber = 0.005
    """Peak learning rate."""
    betas: Betas = (0.9, 0.95)
    """Decay of the first and second moment per step."""
    eps: NonNegative = 1e-8
    """Added to the root of the second moment."""
    weight_decay: NonNegative = 0.1
    """As torch takes it; by default 0.1 for decoupled decay, 0 for adam and sgd."""
    momentum: Momentum = 0.0
    """Momentum of sgd, and of muon (there 0 means its usual 0.95)."""
    nesterov: Switch = False
    """Nesterov's momentum, for sgd."""
    adamw_lr: PositiveNumber | None = None
    """Learning rate of what muon leaves to AdamW; null: lr."""

    @model_validator(mode="after")
    def _momentum(self) -> Optimizer:
        if self.nesterov and (self.name != "sgd" or self.momentum == 0):
            raise refuse("nesterov is a kind of sgd's momentum: give name: sgd and a momentum")
        if self.adamw_lr is not None and self.name != "muon":
            raise refuse("adamw_lr belongs to muon, which leaves some tensors to AdamW")
        return self


class Init(Section):
    """Standard deviations at initialisation, at the base."""

    from_: Literal["fan_in", "model"] = Field(default="fan_in", alias="from")
    """fan_in: by the rule; model: as the model's authors initialise it."""
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
