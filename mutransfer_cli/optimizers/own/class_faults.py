"""What a user's optimizer class raises, in one line that says what a plan gives to it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from torch.optim import Optimizer

from mutransfer_cli.errors import described

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


def is_required(parameter: inspect.Parameter) -> bool:
    """Whether a call has to give it."""
    kinds: tuple[Any, ...] = (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in kinds
