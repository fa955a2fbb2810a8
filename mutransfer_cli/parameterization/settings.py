"""Hyperparameters and rules, all quoted at the base: plain values, whatever they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer's hyperparameters at the base, as torch.optim takes them.

    Attributes:
        name: Its name in the catalog.
        lr: Peak learning rate.
        betas: Decay of the first and second moment per step.
        eps: Epsilon.
        weight_decay: A step takes off lr × weight_decay.
        momentum: Momentum, for optimizers that have one.
        nesterov: Whether the momentum is Nesterov's.
        adamw_lr: Peak learning rate of the tensors that it leaves to another optimizer; None: lr.
    """

    name: str = "adamw"
    lr: float = 0.005
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    adamw_lr: float | None = None


@dataclass(frozen=True, slots=True)
class Init:
    """Initialisation at the base.

    Attributes:
        source: fan_in (by the standard deviations here) or model (as its authors initialise it).
        std: Standard deviation of matrices; None: 1/√fan_in.
        embedding_std: That of embeddings.
        readout_std: That of readouts; None: 1/√fan_in at the base.
        residual: Whether tensors that end a residual branch are divided by √(2 · depth).
        zero: Patterns of tensors that start at zero.
    """

    source: str = "fan_in"
    std: float | None = None
    embedding_std: float = 0.1
    readout_std: float | None = None
    residual: bool = False
    zero: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """One choice of hyperparameters and rules for one model family.

    Attributes:
        parameterization: Its name in the catalog.
        optimizer: The optimizer with its hyperparameters.
        readout: multiplier, or absorbed into init and learning rate.
        weight_decay: independent (lr × weight_decay does not follow the width) or coupled (torch's
            number does not).
        decay: matrices, all, or patterns of the tensors that decay.
        epsilon: scaled (with the size of the gradient) or constant.
        alignment: full or none; None: full, or one learning rate for all tensors where the
            parameterization has one.
        depth_alpha: Residual exponent of depth rules, 1/2 to 1.
        horizon: steps, empirical or none: how hyperparameters follow batch and training length.
        beta1: keep or scale, with the batch.
        init: Initialisation.
        lr_factors: Factors on learning rates, by role or pattern; the first match counts.
        embedding_multiplier: Forward multiplier after the embedding.
        logit_multiplier: Forward multiplier on the logits.
        attention_multiplier: Scale of q·k; None: the model's own.
        residual_multiplier: Forward multiplier of every residual branch; None: the model's own.
        clip: Threshold of the global gradient norm; None: no clipping.
    """

    parameterization: str = "mup"
    optimizer: Optimizer = Optimizer()
    readout: str = "multiplier"
    weight_decay: str = "independent"
    decay: str | tuple[str, ...] = "matrices"
    epsilon: str = "scaled"
    alignment: str | None = None
    depth_alpha: float = 1.0
    horizon: str = "steps"
    beta1: str = "keep"
    init: Init = Init()
    lr_factors: Mapping[str, float] = field(default_factory=dict)
    embedding_multiplier: float = 1.0
    logit_multiplier: float = 1.0
    attention_multiplier: float | None = None
    residual_multiplier: float | None = None
    clip: float | None = None
