"""What a user's optimizer class raises, in one line that says what a plan gives to it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from torch.optim import Optimizer

from mutransfer_cli.errors import described
from mutransfer_cli.optimizers.own.trial_steps import (
    TINY,
    MakeOptimizer,
    late_rate_share,
    rounding_share,
)

# Sign, orthogonalization and factored moments have 0.06 or less; SOAP, KLSOAP and SPlus 1.1 or more
LARGEST_ROUNDING_SHARE = 0.3
SMALLEST_LATE_RATE_SHARE = 0.5  # Rprop has 1/4
GIVEN = "groups of tensors, each with its lr and weight_decay"


def constructor_fault(own: type[Optimizer], args: Iterable[str], error: BaseException) -> str:
    """Why a class cannot be made.

    Args:
        own: The class.
        args: Names of `optimizer.args`.
        error: What its constructor raised.
    """
    parameters = list(inspect.signature(own).parameters.values())
    if not parameters:
        return f"its constructor takes nothing, a plan gives {GIVEN} ({described(error)})"
    first, *others = parameters
    given = set(args)
    missing = [p.name for p in others if is_required(p) and p.name not in {"lr", *given}]
    unknown = sorted(given - {p.name for p in others})
    if "named" in first.name:
        text = f"its constructor takes {first.name}, a plan gives {GIVEN}: name a subclass for them"
    elif missing:
        text = f"its constructor needs {', '.join(missing)}: set optimizer.args"
    elif unknown and not any(p.kind is p.VAR_KEYWORD for p in others):
        text = f"optimizer.args: its constructor has no {', '.join(unknown)}"
    else:
        text = f"its constructor refuses what a plan gives, {GIVEN}"
    return f"{text} ({described(error)})"


def step_fault(own: type[Optimizer], error: BaseException) -> str:
    """Why a class cannot take steps.

    Args:
        own: The class.
        error: What its step raised.
    """
    parameters = inspect.signature(own.step).parameters.values()
    needed = [p.name for p in parameters if is_required(p) and p.name != "self"]
    text = (
        f"its step needs a {', '.join(needed)}, and plans are for classes that step without"
        if needed
        else "its step fails on a trial gradient, so that its update cannot be measured"
    )
    return f"{text} ({described(error)})"


def update_fault(make: MakeOptimizer, rate: float) -> str:
    """Why the update of a class tells nothing about training; empty: it does.

    Args:
        make: Makes the optimizer.
        rate: A rate at which its steps stand out from rounding.
    """
    share = rounding_share(make, rate)
    if share > LARGEST_ROUNDING_SHARE:
        return (
            f"a change of its gradient by {TINY:g} changes its update by {share:.0%}: it "
            "normalizes rounding errors, as SOAP does off the diagonal of its eigenbasis, so that "
            "its updates cannot be measured (for SOAP itself, optimizer.name: soap has the rule)"
        )
    if late_rate_share(make, rate) < SMALLEST_LATE_RATE_SHARE:
        return (
            "it takes its rate from its groups at the first step only, so that a schedule does not "
            "reach it: expected a class that reads lr at every step"
        )
    return ""


def is_required(parameter: inspect.Parameter) -> bool:
    """Whether a call has to give it."""
    kinds: tuple[Any, ...] = (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in kinds
