"""Everything quoted at the base that the rules act on; plain values, no recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer's hyperparameters at the base, as torch.optim takes them."""

    name: str = "adamw"
    lr: float = 0.005
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    adamw_lr: float | None = None  # of what muon leaves to AdamW; None: lr


@dataclass(frozen=True, slots=True)
class Init:
    """Initialisation at the base: standard deviations, and which tensors start at zero."""

    source: str = "fan_in"  # fan_in | model
    std: float | None = None  # None: 1/√fan_in
    embedding_std: float = 0.1
    readout_std: float | None = None  # None: 1/√fan_in at the base
    residual: bool = False  # what ends a residual branch is divided by √(2·depth)
    zero: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """One choice of hyperparameters and rules for one model family."""

    parameterization: str = "mup"
    optimizer: Optimizer = Optimizer()
    readout: str = "multiplier"  # multiplier | absorbed
    weight_decay: str = "independent"  # independent | coupled
    decay: str | tuple[str, ...] = "matrices"  # matrices | all | patterns
    epsilon: str = "scaled"  # scaled | constant
    alignment: str | None = None  # full | none; None: full, and one rate for all tensors under sp
    depth_alpha: float = 1.0  # residual exponent of completep, 1/2 to 1
    horizon: str = "steps"  # steps | empirical | none
    beta1: str = "keep"  # keep | scale
    init: Init = Init()
    lr_factors: Mapping[str, float] = field(default_factory=dict)  # by role or pattern
    embedding_multiplier: float = 1.0
    logit_multiplier: float = 1.0
    attention_multiplier: float | None = None  # None: 1/√d0 at the base
    residual_multiplier: float | None = None
    clip: float | None = None
