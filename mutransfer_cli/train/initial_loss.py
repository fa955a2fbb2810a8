"""The loss of a proxy before training: trials that start alike have one, which is measured once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Any

from torch import Tensor

from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.plan import Plan

CACHED_LOSSES = 64
PLAIN = (int, float, str, FunctionType, BuiltinFunctionType)  # settings of a module
_known: OrderedDict[Hashable, float] = OrderedDict()  # of this process


def initial_loss(
    subject: Subject, plan: Plan, held_out: Sequence[Any], measure: Callable[[], float]
) -> float:
    """By measure, unless a model of this process began as this one, on the same data.

    A loss of the user's own may depend on more than the model: then it is measured.
    """
    if subject.loss is not cross_entropy:
        return measure()
    key = start_of(subject, plan, held_out)
    if key not in _known:
        _known[key] = measure()
        if len(_known) > CACHED_LOSSES:
            _known.popitem(last=False)
    return _known[key]


def start_of(subject: Subject, plan: Plan, held_out: Sequence[Any]) -> Hashable:
    """What tells one start from another: classes, settings, tensors and multipliers, the data."""
    model = subject.model
    tensors = [*model.parameters(), *model.buffers(), *tensors_of(held_out)]
    sums = tuple((*t.shape, str(t.device), float(t.detach().double().sum())) for t in tensors)
    kept = tuple(
        (path, type(module), name, value)
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, PLAIN)
    )
    return tuple(sorted(plan.forward.items())), plan.parameterization, kept, sums


def tensors_of(batch: Any) -> list[Tensor]:
    if isinstance(batch, Tensor):
        return [batch]
    if isinstance(batch, list | tuple):
        return [t for part in batch for t in tensors_of(part)]
    return []
