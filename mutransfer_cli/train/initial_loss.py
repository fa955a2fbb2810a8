"""The loss of a proxy before training: trials that start alike share one, measured once."""

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
SETTING_TYPES = (int, float, str, FunctionType, BuiltinFunctionType)  # of a module

_cache: OrderedDict[Hashable, float] = OrderedDict()  # of this process


def initial_loss(
    subject: Subject, plan: Plan, held_out: Sequence[Any], measure: Callable[[], float]
) -> float:
    """The loss on some batches, measured unless a model of this process started like this one.

    A loss of the user's own may depend on more than the model: it is measured every time.

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
    """What tells one start from another: classes, settings, tensors and multipliers, the data."""
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
