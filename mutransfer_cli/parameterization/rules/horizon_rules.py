"""How hyperparameters scale with batch size and training length.

m_B is the ratio target/base of examples per step, m_D that of the total number of examples
(tokens), m_S = m_D/m_B that of steps. Sources:
  CdP   Complete(d)P, arXiv 2512.22382: only the number of steps counts
  SDE   Malladi et al., arXiv 2205.10287: batch rules of Adam and SGD at fixed training length
  HL    Marek et al., arXiv 2507.07101: beta2 keeps its half-life in tokens
  BJ    Bjorck et al., arXiv 2409.19913: rate ∝ tokens^-0.32
  MAR   Marin's Delphi runs with AdamH: rate ∝ √batch · tokens^-0.3 for matrices of fixed norm, CdP
        for the rest; near the -0.32 of HyperP, arXiv 2603.28743
  WA    Wang and Aitchison, arXiv 2405.13698: decay keeps its time scale as a share of the run
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pow

from mutransfer_cli.optimizers.geometry import Geometry

TOKENS_POWER = -0.32  # BJ
FIXED_NORM_POWER = -0.3  # MAR


SHORTEST_BETA2 = 0.9  # MARIN's Delphi runs clip beta2 there


@dataclass(frozen=True, slots=True)
class HorizonRule:
    """Factors on the values at the base.

    Attributes:
        lr: Factor on the learning rate.
        weight_decay: Factor on torch's weight decay, of which each step applies lr × weight_decay.
        eps: Factor on epsilon.
        beta1: Exponent of beta1.
        beta2: Exponent of beta2.
    """

    lr: float
    weight_decay: float
    eps: float
    beta1: float
    beta2: float


def scaled_beta2(beta2: float, power: float) -> float:
    """beta2 with its half-life scaled, not below 0.9 or its own value.

    With a shorter average than that of beta1, Adam's steps are unbounded: an MLP whose beta2 fell
    from 0.95 to 0.44 at 16 times the batch diverged at every rate.

    Args:
        beta2: Its value at the base.
        power: Its exponent, of a `HorizonRule`.
    """
    return max(pow(beta2, power), min(beta2, SHORTEST_BETA2))


def horizon_rule(
    horizon: str, beta1: str, geometry: Geometry, m_batch: float, m_duration: float
) -> HorizonRule:
    """The factors for one size.

    Every rule is a pure power, so scaling in two steps equals scaling in one.

    Args:
        horizon: steps (CdP), empirical (BJ, with the SDE batch rule), fixed-norm (MAR) or none (the
            SDE batch rule only).
        beta1: keep or scale.
        geometry: Geometry of the optimizer.
        m_batch: Ratio target/base of the examples per step.
        m_duration: Ratio target/base of the total number of examples.
    """
    m_steps = m_duration / m_batch
    if horizon in ("steps", "fixed-norm"):
        # SGD: the SDE's rate ∝ batch at a fixed length, carried over to steps (derived)
        lr = m_steps**-1 if geometry.sees_gradient_scale else m_steps**-0.5
        if horizon == "fixed-norm" and geometry.keeps_norm:
            lr = m_batch**0.5 * m_duration**FIXED_NORM_POWER
        eps, half_life = m_steps**0.5, 1 / m_steps
    else:
        lr = m_batch if geometry.sees_gradient_scale else m_batch**0.5
        if horizon == "empirical":
            lr *= m_duration**TOKENS_POWER
        eps, half_life = m_batch**-0.5, m_batch
    decay = 1 / (lr * m_steps)  # WA: lr × decay × steps is constant
    return HorizonRule(lr, decay, eps, half_life if beta1 == "scale" else 1.0, half_life)
