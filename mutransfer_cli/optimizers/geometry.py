"""Geometries of updates: how large one step of an optimizer is, and what that size depends on.

Learning rates follow from the geometry and from the sizes that a parameterization gives to weights
and updates (Yang, Simon and Bernstein 2023, arXiv 2310.17813; Everett et al., arXiv 2407.05872).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Geometry:
    """How large an update is at learning rate 1.

    The powers describe abc-symmetry (Tensor Programs V, arXiv 2203.03466, appendix J): multiply a
    tensor's forward multiplier by t, divide its init by t, multiply its learning rate, epsilon and
    weight decay by these powers of t, and it trains exactly as before.

    Attributes:
        name: Name in messages and in the tables of the theory.
        sees_gradient_scale: Whether a gradient twice as large gives an update twice as large.
        lr_power: Exponent of t in the learning rate.
        eps_power: Exponent of t in epsilon.
        weight_decay_power: Exponent of t in the weight decay.
        spectral: Whether all singular values of an update are equal, so that its spectral norm is
            known instead of the size of its entries.
        follows_weights: Whether weights twice as large give an update twice as large.
        keeps_norm: Whether the Frobenius norm of every tensor stays what it is at init.
    """

    name: str
    sees_gradient_scale: bool
    lr_power: float
    eps_power: float
    weight_decay_power: float
    spectral: bool = False
    follows_weights: bool = False
    keeps_norm: bool = False


# The update is the gradient, which grows with t; so does the decay that is added to it.
GRADIENT = Geometry("gradient", True, lr_power=-2.0, eps_power=0.0, weight_decay_power=2.0)

# Every entry of the update is of size 1.
SIGN = Geometry("sign", False, lr_power=-1.0, eps_power=1.0, weight_decay_power=1.0)

# The update is as large as the tensor itself.
RELATIVE = Geometry(
    "relative",
    False,
    lr_power=0.0,
    eps_power=0.0,
    weight_decay_power=0.0,
    follows_weights=True,
)

# The spectral norm of the update is 1.
SPECTRAL = Geometry(
    "spectral", False, lr_power=-1.0, eps_power=1.0, weight_decay_power=1.0, spectral=True
)

# The Frobenius norm of the update is that of the tensor, which never changes (hyperball).
FIXED_NORM = Geometry(
    "fixed norm",
    False,
    lr_power=0.0,
    eps_power=1.0,
    weight_decay_power=0.0,
    follows_weights=True,
    keeps_norm=True,
)

# The same, with equal singular values.
FIXED_NORM_SPECTRAL = Geometry(
    "fixed norm, spectral",
    False,
    lr_power=0.0,
    eps_power=1.0,
    weight_decay_power=0.0,
    spectral=True,
    follows_weights=True,
    keeps_norm=True,
)
