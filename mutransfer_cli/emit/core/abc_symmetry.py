"""abc-symmetry: how a tensor's numbers can be traded for its forward multiplier.

Under AdamW, (multiplier · t, init / t, lr / t, eps · t, weight decay · t) trains exactly as before.
If a stack supports only some of these numbers, the t that leaves the fewest unexpressed is used.
Gradients are multiplied by t, so clipping the global norm then acts differently.

Source: Yang et al., Tensor Programs V (arXiv 2203.03466), Lemma J.1; epsilon and decay follow from
the optimizer's geometry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

from mutransfer_cli.optimizers.protocol import optimizer_spec

RELATIVE_TOLERANCE = 1e-9
# Cost of a number that is not matched: a wrong rate acts at every step, epsilon hardly ever.
COST = {"lr": 8.0, "init_std": 4.0, "weight_decay": 2.0, "eps": 1.0}
CLIPPING_COST = 3.0


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers with which one tensor is trained.

    Attributes:
        lr: Learning rate per step, at the peak.
        init_std: Init standard deviation; None keeps the model's own init.
        weight_decay: Decoupled decay: each step shrinks weights by the share lr × weight_decay.
        eps: Epsilon of the optimizer; None if it has none.
        multiplier: Product of all multipliers of the tensor's output.
        init_tolerance: Relative uncertainty of `init_std`, larger where it was measured on a
            sample.
    """

    lr: float
    init_std: float | None = None
    weight_decay: float = 0.0
    eps: float | None = None
    multiplier: float = 1.0
    init_tolerance: float = RELATIVE_TOLERANCE


@dataclass(frozen=True, slots=True)
class Offer:
    """The values that a stack prescribes for a tensor; None: the stack takes any value."""

    lr: float | None = None
    init_std: float | None = None
    weight_decay: float | None = None
    eps: float | None = None


def exponents_of(optimizer: str) -> dict[str, float]:
    """Exponents of t in the learning rate, epsilon and weight decay of an optimizer."""
    geometry = optimizer_spec(optimizer).geometry
    return {
        "lr": geometry.lr_power,
        "eps": geometry.eps_power,
        "weight_decay": geometry.weight_decay_power,
    }


def rescaled(numbers: Numbers, t: float, optimizer: str) -> Numbers:
    """The equivalent numbers with a forward multiplier t times as large."""
    if t == 1.0:
        return numbers
    exponent = exponents_of(optimizer)
    return replace(
        numbers,
        multiplier=numbers.multiplier * t,
        init_std=None if numbers.init_std is None else numbers.init_std / t,
        lr=numbers.lr * t ** exponent["lr"],
        weight_decay=numbers.weight_decay * t ** exponent["weight_decay"],
        eps=None if numbers.eps is None else numbers.eps * t ** exponent["eps"],
    )


def differ(a: float | None, b: float | None, tolerance: float = RELATIVE_TOLERANCE) -> bool:
    """Whether two numbers differ; None is compatible with everything."""
    if a is None or b is None:
        return False
    return abs(a - b) > tolerance * max(abs(a), abs(b))


def consumed(planned: Numbers, offer: Offer) -> Numbers:
    """The numbers with which the stack trains: those of the offer, else the planned ones."""
    return replace(
        planned,
        lr=planned.lr if offer.lr is None else offer.lr,
        init_std=planned.init_std if offer.init_std is None else offer.init_std,
        weight_decay=planned.weight_decay if offer.weight_decay is None else offer.weight_decay,
        eps=planned.eps if offer.eps is None or planned.eps is None else offer.eps,
    )


def unexpressed(planned: Numbers, actual: Numbers) -> dict[str, tuple[float | None, float | None]]:
    """The numbers, except multipliers, that the stack does not match: planned and actual."""
    pairs = {name: (getattr(planned, name), getattr(actual, name)) for name in COST}
    init_tolerance = max(RELATIVE_TOLERANCE, planned.init_tolerance)
    return {
        name: pair
        for name, pair in pairs.items()
        if differ(*pair, init_tolerance if name == "init_std" else RELATIVE_TOLERANCE)
    }


def candidates(planned: Numbers, offer: Offer, optimizer: str) -> list[float]:
    """The planned multiplier, and those at which one of the offered numbers is exact."""
    exponents = {"init_std": -1.0, **exponents_of(optimizer)}
    multipliers = [planned.multiplier]
    for name, exponent in exponents.items():
        a, b = getattr(planned, name), getattr(offer, name)
        if a and b and exponent and a > 0 and b > 0:
            multipliers.append(planned.multiplier * (b / a) ** (1 / exponent))
    return multipliers


def best_multiplier(pairs: Sequence[tuple[Numbers, Offer]], optimizer: str, clipped: bool) -> float:
    """The one multiplier of several tensors that leaves the least unexpressed.

    Args:
        pairs: For each tensor the planned numbers and the stack's offer.
        optimizer: The plan's optimizer.
        clipped: Whether the plan clips the global gradient norm.
    """

    def cost(multiplier: float) -> tuple[float, float]:
        total = distance = 0.0
        for planned, offer in pairs:
            t = multiplier / planned.multiplier
            ideal = rescaled(planned, t, optimizer)
            total += sum(COST[name] for name in unexpressed(ideal, consumed(ideal, offer)))
            total += CLIPPING_COST if clipped and differ(t, 1.0) else 0.0
            distance += abs(log(t))
        return total, distance

    options = [m for pair in pairs for m in candidates(*pair, optimizer) if m > 0]
    return min(options, key=cost)
