"""abc-symmetry: what of a tensor's numbers can be traded for its forward multiplier.

(multiplier · t, init / t, lr / t, eps · t, weight decay · t) trains as before under AdamW. A stack
that offers some numbers and not others is matched by the t that leaves the least over. Gradients
are multiplied by t: a threshold of the global norm then clips something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

from mutransfer_cli.optimizers.protocol import optimizer_spec

SAME = 1e-9
# What weighs more is left alone first: a wrong rate acts at every step, epsilon hardly ever.
WEIGHTS = {"lr": 8.0, "init_std": 4.0, "weight_decay": 2.0, "eps": 1.0}
CLIPPED = 3.0


def powers_of(optimizer: str) -> dict[str, float]:
    """Exponents of t in the learning rate, epsilon and weight decay, by the optimizer."""
    geometry = optimizer_spec(optimizer).geometry
    return {
        "lr": geometry.lr_power,
        "eps": geometry.eps_power,
        "weight_decay": geometry.weight_decay_power,
    }


@dataclass(frozen=True, slots=True)
class Numbers:
    """One tensor as it is trained; `multiplier` is all that multiplies what it gives."""

    lr: float
    init_std: float | None = None  # None: the model's own init
    weight_decay: float = 0.0
    eps: float | None = None
    multiplier: float = 1.0
    loose: float = SAME  # relative uncertainty of init_std, where it was measured on a sample


@dataclass(frozen=True, slots=True)
class Offer:
    """What a stack gives a tensor; None: whatever is asked for."""

    lr: float | None = None
    init_std: float | None = None
    weight_decay: float | None = None
    eps: float | None = None


def shifted(numbers: Numbers, t: float, optimizer: str) -> Numbers:
    """The same training with a forward multiplier t times as large."""
    if t == 1.0:
        return numbers
    power = powers_of(optimizer)
    return replace(
        numbers,
        multiplier=numbers.multiplier * t,
        init_std=None if numbers.init_std is None else numbers.init_std / t,
        lr=numbers.lr * t ** power["lr"],
        weight_decay=numbers.weight_decay * t ** power["weight_decay"],
        eps=None if numbers.eps is None else numbers.eps * t ** power["eps"],
    )


def differs(a: float | None, b: float | None, by: float = SAME) -> bool:
    """Whether two numbers are not the same; a None asks for nothing."""
    if a is None or b is None:
        return False
    return abs(a - b) > by * max(abs(a), abs(b))


def taken(wanted: Numbers, offer: Offer) -> Numbers:
    """What becomes of a tensor: the offered number where there is one."""
    return replace(
        wanted,
        lr=wanted.lr if offer.lr is None else offer.lr,
        init_std=wanted.init_std if offer.init_std is None else offer.init_std,
        weight_decay=(wanted.weight_decay if offer.weight_decay is None else offer.weight_decay),
        eps=wanted.eps if offer.eps is None or wanted.eps is None else offer.eps,
    )


def left_over(wanted: Numbers, got: Numbers) -> dict[str, tuple[float | None, float | None]]:
    """The numbers of a tensor that deviate, multipliers apart: wanted and got."""
    return {
        name: (getattr(wanted, name), getattr(got, name))
        for name in WEIGHTS
        if differs(
            getattr(wanted, name),
            getattr(got, name),
            max(SAME, wanted.loose) if name == "init_std" else SAME,
        )
    }


def candidates(wanted: Numbers, offer: Offer, optimizer: str) -> list[float]:
    """Multipliers at which one of the offered numbers is exactly right, and the wanted one."""
    powers = {"init_std": -1.0, **powers_of(optimizer)}
    found = [wanted.multiplier]
    for name, power in powers.items():
        a, b = getattr(wanted, name), getattr(offer, name)
        if a and b and power and a > 0 and b > 0:
            found.append(wanted.multiplier * (b / a) ** (1 / power))
    return found


def best_multiplier(pairs: Sequence[tuple[Numbers, Offer]], optimizer: str, clipped: bool) -> float:
    """The one multiplier of several tensors that leaves the least over.

    pairs: for each tensor what is wanted and what is offered; clipped: whether a threshold of the
    global gradient norm is part of the plan.
    """

    def cost(multiplier: float) -> tuple[float, float]:
        total = distance = 0.0
        for wanted, offer in pairs:
            t = multiplier / wanted.multiplier
            ideal = shifted(wanted, t, optimizer)
            total += sum(WEIGHTS[name] for name in left_over(ideal, taken(ideal, offer)))
            total += CLIPPED if clipped and differs(t, 1.0) else 0.0
            distance += abs(log(t))
        return total, distance

    options = [m for pair in pairs for m in candidates(*pair, optimizer) if m > 0]
    return min(options, key=cost)
