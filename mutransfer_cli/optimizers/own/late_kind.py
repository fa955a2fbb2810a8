"""Whether an update keeps its kind after the measured steps: some classes start to act later.

Scalable Shampoo is plain descent until its preconditioner starts, at a step that its constructor
takes. Integers of a class say how far to look, whatever they count, but for sizes.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, log2
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from mutransfer_cli.optimizers.own.trial_steps import (
    RATE,
    SIDE,
    STEPS,
    MakeOptimizer,
    rms,
    set_rates,
    unit_gradient,
)

ALWAYS = 64  # steps that every class takes: a start may be written into its code
LONGEST = 2048
MEASURED_FROM = STEPS // 2  # what starts later is not in the measurement
WINDOW = STEPS - MEASURED_FROM
# Steps without a meaning must not add up: at the full rate 2,048 of them turn a matrix of fixed
# norm and let a relative one shrink.
BETWEEN = 2.0**-10
# A gradient that never changes leaves confidences (CAME) and centered variances at rounding errors
NOISE = 0.01
SIDE_FACTOR, GRADIENT_FACTOR, WEIGHT_FACTOR = 4, 1024.0, 16.0
# Over 90 classes that keep their kind: a cosine of 0.99 or more, exponents within 0.06. Scalable
# Shampoo: 0.82 to 0.86; SWATS, Adam that becomes SGD: an exponent of 1.
SMALLEST_COSINE, LARGEST_CHANGE = 0.95, 0.1
SIZES = re.compile(
    r"size|dim|rank|block|head|embed|channel|chunk|num|vector|max|iter|newton|power|degree"
    r"|ns_steps|seed|threshold|shard|memory|world|device|depth"
)
TIMES = re.compile(
    r"step|start|after|warm|delay|until|freq|interval|period|every|gap|update|epoch|begin|switch"
)


@dataclass(frozen=True, slots=True)
class Windows:
    """The updates of a tensor over the measured steps, and over as many late ones."""

    early: Tensor
    late: Tensor


def late_fault(
    make: MakeOptimizer, own: type[Optimizer], args: Mapping[str, Any], rate: float
) -> str:
    """What a class does after the measured steps that they do not show; empty: nothing.

    Args:
        make: Makes the optimizer.
        own: Its class.
        args: Those that its constructor is given.
        rate: A rate at which its steps stand out from rounding.
    """
    counts = step_counts(make, own, args)
    beyond = {key: n for key, n in counts.items() if n > LONGEST and TIMES.search(key)}
    if beyond:
        return (
            f"{_listed(beyond)}: later than the {LONGEST:,} steps that are measured, so that the "
            f"kind of its update from there on is not known: expected at most {LONGEST:,}"
        )
    within = {key: n for key, n in counts.items() if n <= LONGEST}
    last = max(ALWAYS, *within.values()) + MEASURED_FROM if within else ALWAYS
    change = change_of_kind(make, last, rate)
    if not change:
        return ""
    named = f" (it has {_listed(within)})" if within else ""
    return (
        f"its update is of another kind after the first steps: {change} between steps "
        f"{MEASURED_FROM} and {last:,}{named}, so that no rule is right for all of a run: expected "
        f"one that starts within {MEASURED_FROM} steps (optimizer.args)"
    )


def step_counts(
    make: MakeOptimizer, own: type[Optimizer], args: Mapping[str, Any]
) -> dict[str, int]:
    """Integers of a class beyond the measured steps that may say when something in it starts.

    Args:
        make: Makes the optimizer.
        own: Its class.
        args: Those that its constructor is given.
    """
    optimizer = make([{"params": [torch.nn.Parameter(torch.ones(2, 2))], "lr": RATE}])
    parameters = inspect.signature(own).parameters.values()
    defaults = {p.name: p.default for p in parameters} | dict(args)
    classes = [vars(c) for c in own.__mro__ if issubclass(c, Optimizer) and c is not Optimizer]
    places: list[Mapping[str, Any]] = [
        *reversed(classes), defaults, optimizer.param_groups[0], vars(optimizer),
    ]  # fmt: skip
    found: dict[str, int] = {}
    for place in places:
        for key, value in _flat(place):
            if isinstance(value, int | float) and not isinstance(value, bool):
                if not isfinite(value) or value != int(value) or SIZES.search(key.lower()):
                    continue
                found[key] = int(value)
    return {key: n for key, n in found.items() if n > MEASURED_FROM}


def change_of_kind(make: MakeOptimizer, last: int, rate: float) -> str:
    """How the update differs late from the measured steps; empty: in its size at most.

    Args:
        make: Makes the optimizer.
        last: The step before the late ones.
        rate: A rate at which its steps stand out from rounding.
    """
    first = windows(make, (SIDE, SIDE), last, rate)
    if not 0 < rms(first.late) < float("inf"):
        return f"its size went from {rms(first.early):.3g} to {rms(first.late):.3g}"
    cosine = float(torch.cosine_similarity(first.early.flatten(), first.late.flatten(), dim=0))
    if cosine < SMALLEST_COSINE:
        return f"its direction turned (to a cosine of {cosine:.2f})"
    long = SIDE * SIDE_FACTOR
    changed = {
        "the gradient": (windows(make, (SIDE, SIDE), last, rate, GRADIENT_FACTOR), GRADIENT_FACTOR),
        "the weights": (windows(make, (SIDE, SIDE), last, rate, 1, WEIGHT_FACTOR), WEIGHT_FACTOR),
        "the rows": (windows(make, (long, SIDE), last, rate), SIDE_FACTOR),
        "the columns": (windows(make, (SIDE, long), last, rate), SIDE_FACTOR),
    }
    for quantity, (other, factor) in changed.items():
        early, late = (
            log2(max(rms(one), 1e-30) / rms(base)) / log2(factor)
            for one, base in ((other.early, first.early), (other.late, first.late))
        )
        if not abs(late - early) <= LARGEST_CHANGE:
            return f"its exponent over {quantity} went from {early:z.2f} to {late:z.2f}"
    return ""


def windows(
    make: MakeOptimizer,
    shape: tuple[int, ...],
    last: int,
    rate: float,
    gradient_scale: float = 1.0,
    weight_scale: float = 1.0,
) -> Windows:
    """The updates of a matrix over the measured steps, and over those after a late one.

    Args:
        make: Makes the optimizer.
        shape: Of the matrix.
        last: The step before the late ones.
        rate: The learning rate.
        gradient_scale: Factor on the gradient.
        weight_scale: RMS of the matrix.
    """
    gradient = gradient_scale * unit_gradient(shape)
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    noise = torch.Generator().manual_seed(3)
    parameter = torch.nn.Parameter((weight_scale * weight / rms(weight)).to(gradient.dtype))
    optimizer = make([{"params": [parameter], "lr": RATE, "weight_decay": 0.0}])
    set_rates(optimizer, rate)
    start = early = parameter.detach().clone()
    for step in range(last + WINDOW):
        if step in (MEASURED_FROM, last):
            start = parameter.detach().clone()
        if step == STEPS:
            early = parameter.detach() - start
        if step in (STEPS, last):
            set_rates(optimizer, rate * (BETWEEN if step == STEPS else 1))
        drawn = NOISE * torch.randn(shape, generator=noise)  # of each entry: ADOPT divides by them
        parameter.grad = gradient * (1 + drawn.to(gradient.dtype))
        optimizer.step()
    return Windows(early, parameter.detach() - start)


def _flat(place: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Items, and those of settings one level below (a dictionary or a dataclass)."""
    for key, value in place.items():
        if key in ("param_groups", "defaults", "state", "params") or key.startswith("__"):
            continue
        inner = value if isinstance(value, dict) else getattr(value, "__dict__", None)
        if isinstance(value, dict) or (hasattr(value, "__dataclass_fields__") and inner):
            yield from ((f"{key}.{k}", v) for k, v in (inner or {}).items())
        else:
            yield key, value


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{key} {n:,}" for key, n in counts.items())
