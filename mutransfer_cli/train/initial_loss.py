"""The loss of a proxy before training, measured once for trials that start from equal models."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.plan import Plan

CACHED_LOSSES = 64
# types of the attributes of a module that count as its settings
SETTING_TYPES = (int, float, str, FunctionType, BuiltinFunctionType)

_cache: OrderedDict[Hashable, float] = OrderedDict()  # of this process


def initial_loss(
    subject: Subject, plan: Plan, held_out: Sequence[Any], measure: Callable[[], float]
) -> float:
    """The loss on some batches, cached for models of this process that start from equal values.

    A user's own loss may depend on more than the model, so it is measured every time.

    Args:
        subject: The model before training.
        plan: Its plan.
        held_out: The batches.
        measure: Measures the loss.
    """
    if subject.loss is not cross_entropy:
        return measure()
    key = _start_key(subject, plan, held_out)
    if key not in _cache:
        _cache[key] = measure()
        if len(_cache) > CACHED_LOSSES:
            _cache.popitem(last=False)
    return _cache[key]


def _start_key(subject: Subject, plan: Plan, held_out: Sequence[Any]) -> Hashable:
    """Identifies a start by the model's classes, settings, tensors, multipliers, and the data."""
    model = subject.model
    held_out_tensors = [leaf for leaf in tree_leaves(held_out) if isinstance(leaf, Tensor)]
    tensors = [*model.parameters(), *model.buffers(), *held_out_tensors]
    sums = tuple((*t.shape, str(t.device), float(t.detach().double().sum())) for t in tensors)
    settings = tuple(
        (path, type(module), name, value)
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, SETTING_TYPES)
    )
    return tuple(sorted(plan.forward.items())), plan.parameterization, settings, sums
