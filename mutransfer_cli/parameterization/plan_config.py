"""Hyperparameters and rules as plain values, all quoted at the base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer's hyperparameters at the base, as torch.optim takes them.

    Attributes:
        name: Name in the catalog.
        lr: Peak learning rate.
        betas: Decay of the first and second moment per step.
        eps: Epsilon.
        weight_decay: Decoupled decay: each step shrinks weights by the share lr × weight_decay.
        momentum: Momentum, for optimizers that have one.
        nesterov: Whether momentum is Nesterov momentum.
        adamw_lr: Peak learning rate of the tensors left to another optimizer; None: lr.
        adjust_lr: Convention for the scale of Muon's update; None: the optimizer's default.
        adjust_lr_factor: Coefficient of the convention; None: that of its row in the catalog.
        trains: Roles and patterns of the matrices that it trains, where it leaves the others to
            another optimizer; empty: those that its authors train with it.
    """

    name: str = "adamw"
    lr: float = 0.005
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    adamw_lr: float | None = None
    adjust_lr: str | None = None
    adjust_lr_factor: float | None = None
    trains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Init:
    """Initialization at the base.

    Attributes:
        source: fan_in (use the standard deviations here) or model (keep the model's own init).
        std: Standard deviation of matrices; None: 1/√fan_in.
        embedding_std: Standard deviation of embeddings.
        readout_std: Standard deviation of readouts; None: 1/√fan_in at the base.
        residual: Whether tensors that end a residual branch are divided by √(2 · depth).
        zero: Patterns of tensors that are initialized to zero.
    """

    source: str = "fan_in"
    std: float | None = None
    embedding_std: float = 0.1
    readout_std: float | None = None
    residual: bool = False
    zero: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanConfig:
    """The hyperparameters and rules for one model family.

    Attributes:
        parameterization: Name of the parameterization in the catalog.
        optimizer: The optimizer with its hyperparameters.
        readout: multiplier, or absorbed into init and learning rate.
        weight_decay: independent (lr × weight_decay is constant in width) or coupled (torch's
            number is constant in width).
        embedding: mup, large-vocab or measured: how the rate of token embeddings follows the
            width.
        embedding_exponent: For measured, the exponent of the width in that rate, relative to mup.
        decay: matrices, all, or patterns of the tensors that decay.
        epsilon: scaled (with the size of the gradient) or constant.
        alignment: full or none; None: full, or one learning rate for all tensors where the
            parameterization has one.
        depth_alpha: Residual exponent of depth rules, 1/2 to 1.
        depth: parameterization (its own rule, or none) or maximal-update: how rates and branches
            follow the depth.
        experts: active-width or averaged: how the sum over a token's experts is scaled.
        rank: derived, invariant or inverse: how the rate of adapters follows their rank.
        horizon: steps, empirical, fixed-norm or none: how hyperparameters scale with batch size
            and training length.
        beta1: keep, or scale with the batch size.
        init: Initialization.
        lr_factors: Factors on learning rates by role or pattern; the first match applies.
        embedding_multiplier: Forward multiplier after the embedding.
        logit_multiplier: Forward multiplier on the logits.
        attention_multiplier: Scale of q·k; None: the model's own.
        residual_multiplier: Forward multiplier of every residual branch; None: the model's own.
        clip: Threshold of the global gradient norm; None: no clipping.
        roles: Ordered pairs of a pattern on names and a role, with which the family was traced.
    """

    parameterization: str = "mup"
    optimizer: Optimizer = Optimizer()
    readout: str = "multiplier"
    weight_decay: str = "independent"
    embedding: str = "mup"
    embedding_exponent: float | None = None
    decay: str | tuple[str, ...] = "matrices"
    epsilon: str = "scaled"
    alignment: str | None = None
    depth_alpha: float = 1.0
    depth: str = "parameterization"
    experts: str = "active-width"
    rank: str = "derived"
    horizon: str = "steps"
    beta1: str = "keep"
    init: Init = Init()
    lr_factors: Mapping[str, float] = field(default_factory=dict)
    embedding_multiplier: float = 1.0
    logit_multiplier: float = 1.0
    attention_multiplier: float | None = None
    residual_multiplier: float | None = None
    clip: float | None = None
    roles: tuple[tuple[str, str], ...] = ()
