"""Compares a stack's numbers with the plan's, and the differences with those declared.

AdamW trains alike with (multiplier·t, init/t, lr/t, eps·t, decay·t): so a stack whose multiplier is
t times the planned one has to have the other numbers scaled by t. Source: Tensor Programs V, Lemma
J.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from torch import nn

from tests.stacks.built import BuiltStack, Emitted
from tests.stacks.readings import (
    Reading,
    planned_readings,
    sampling_tolerance,
    stack_readings,
)

TOLERANCE = 1e-6  # relative; configs are rounded to nothing coarser than float32
Difference = tuple[float | None, float | None]
Differences = dict[tuple[str, str], Difference]  # (quantity, tensor): planned, actual
NOT_NUMBERS = ("model", "schedule", "clip")


def close(a: float, b: float, tolerance: float = TOLERANCE) -> bool:
    """Whether two numbers agree."""
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def equivalent(planned: Reading, multiplier: float) -> Reading:
    """The plan's numbers in the form that trains alike with another multiplier."""
    t = multiplier / planned.multiplier
    return replace(
        planned,
        lr=planned.lr / t,
        weight_decay=planned.weight_decay * t,
        eps=None if planned.eps is None else planned.eps * t,
        rms=planned.rms / t,
        multiplier=multiplier,
    )


def tensor_differences(planned: Reading, actual: Reading) -> dict[str, Difference]:
    """The quantities that differ, by name."""
    wanted = equivalent(planned, actual.multiplier)
    pairs: dict[str, Difference] = {
        "lr": (wanted.lr, actual.lr),
        "weight_decay": (wanted.weight_decay, actual.weight_decay),
        "eps": (wanted.eps, actual.eps),
        "init_std": (wanted.rms, actual.rms),
    }
    found = {}
    for quantity, (a, b) in pairs.items():
        if a is None and b is None:
            continue
        tolerance = TOLERANCE
        if quantity == "init_std":
            tolerance = sampling_tolerance(planned, actual)
        if a is None or b is None or not close(a, b, tolerance):
            found[quantity] = (a, b)
    return found


def differences(emitted: Emitted, stack: BuiltStack, initialized: nn.Module) -> Differences:
    """Everything in which the built stack differs from the plan.

    Args:
        emitted: The files and their plan.
        stack: What the stack made of them.
        initialized: The proxies' model at the target's size, initialized by the plan.
    """
    planned, actual = planned_readings(emitted, initialized), stack_readings(stack)
    queries = {n for n in planned if "q_proj.weight" in n} & actual.keys()
    scale, own_scale = emitted.plan.forward.get("attention_scale"), stack.attention_scale
    found: Differences = {}
    if scale is not None and own_scale is not None and not close(scale, own_scale):
        if queries and all(not stack.multipliers.get(n) for n in queries):
            # q·k·scale is linear in q: another scale is another multiplier of the queries
            for name in queries:
                planned[name] = replace(planned[name], multiplier=scale)
                actual[name] = [replace(r, multiplier=own_scale) for r in actual[name]]
        else:
            found["attention_scale", ""] = (scale, own_scale)
    for name, wanted in planned.items():
        if name not in actual:
            found["missing", name] = (None, None)
        for reading in actual.get(name, ()):
            for quantity, pair in tensor_differences(wanted, reading).items():
                found[quantity, name] = pair
    for name in stack.stack_only:
        found["stack only", name] = (None, None)
    found |= logit_difference(emitted, planned, actual, stack.tied_logits)
    if stack.clip != emitted.plan.clip:
        found["clip", ""] = (emitted.plan.clip, stack.clip)
    return found


def logit_difference(
    emitted: Emitted,
    planned: Mapping[str, Reading],
    actual: Mapping[str, list[Reading]],
    tied_logits: float | None,
) -> Differences:
    """Whether a tied embedding has another scale as the readout than planned.

    Args:
        emitted: The files and their plan.
        planned: The plan's numbers.
        actual: The stack's numbers.
        tied_logits: What the stack multiplies the logits by; None: the embedding is not tied.
    """
    tied = next((t.name for t in emitted.plan.tensors if t.role == "tied"), None)
    wanted = emitted.plan.forward.get("logit_scale")
    if tied is None or tied_logits is None or wanted is None or tied not in actual:
        return {}
    wanted *= actual[tied][0].multiplier / planned[tied].multiplier
    return {} if close(wanted, tied_logits) else {("logit_scale", ""): (wanted, tied_logits)}


def declared(emitted: Emitted) -> set[tuple[str, str]]:
    """The (quantity, tensor) pairs that the file declares as deviations."""
    found: set[tuple[str, str]] = set()
    names = [t.name for t in emitted.plan.tensors]
    for deviation in emitted.document.deviations:
        what, _, patterns = deviation.what.partition(" of ")
        for name in names:
            if any(fnmatchcase(name, p) for p in patterns.split(", ")):
                found.add(("missing" if what in ("tied", "bias", "tensor") else what, name))
        if not patterns:
            found.add((what, ""))
    return found


def undeclared(emitted: Emitted, found: Differences) -> Differences:
    """The differences that the file does not declare."""
    said = declared(emitted)
    if ("model", "") in said:  # another architecture: only what both have is compared
        found = {k: v for k, v in found.items() if k[0] not in ("missing", "stack only")}
    others = {name for what, name in said if what == "optimizer"}  # its numbers mean another thing
    found = {k: v for k, v in found.items() if k[1] not in others or k[0] == "init_std"}
    return {key: pair for key, pair in found.items() if key not in said}
