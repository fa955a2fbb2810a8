"""The differences between two plans of one model, number by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mutransfer_cli.documents.plan import DifferenceDocument
from mutransfer_cli.plans.types import PlanData

COMPARED_NUMBERS = ("init_std", "multiplier", "lr", "weight_decay", "eps")
SAME_NUMBER = 1e-9  # relative


def plan_differences(here: PlanData, there: PlanData) -> tuple[DifferenceDocument, ...]:
    """All differences between two plans; a tensor that only one of them has differs too."""
    others = {t.name: t for t in there.tensors}
    differences: list[DifferenceDocument] = []
    for tensor in here.tensors:
        other = others.pop(tensor.name, None)
        for what in COMPARED_NUMBERS:
            a = getattr(tensor, what)
            b = getattr(other, what) if other is not None else None
            differences += _difference(tensor.name, what, a, b)
    for name, extra in others.items():
        differences += _difference(name, "lr", None, extra.lr)
    for name in dict.fromkeys([*here.forward, *there.forward]):
        a, b = here.forward.get(name), there.forward.get(name)
        differences += _difference("forward", name, a, b)
    differences += _difference("forward", "clip", here.clip, there.clip)
    return tuple(differences)


def hyperparameter_differences(
    here: Mapping[str, Any], there: Mapping[str, Any], name: str = "hyperparameters"
) -> tuple[DifferenceDocument, ...]:
    """Differences between the numbers in two nested mappings; other values are ignored."""
    differences: list[DifferenceDocument] = []
    a, b = _numbers_by_path(here), _numbers_by_path(there)
    for what in dict.fromkeys([*a, *b]):
        differences += _difference(name, what, a.get(what), b.get(what))
    return tuple(differences)


def _numbers_by_path(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    numbers: dict[str, float] = {}
    for key, value in values.items():
        items = enumerate(value) if isinstance(value, list | tuple) else ()
        nested = value if isinstance(value, Mapping) else {str(i): v for i, v in items}
        numbers |= _numbers_by_path(nested, f"{prefix}{key}.")
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers[f"{prefix}{key}"] = float(value)
    return numbers


def _difference(name: str, what: str, a: float | None, b: float | None) -> list[DifferenceDocument]:
    """A list of one difference, empty if both numbers are the same."""
    if a == b or (a is not None and b is not None and abs(a - b) <= SAME_NUMBER * abs(a)):
        return []
    ratio = b / a if a and b is not None else None
    return [DifferenceDocument(name=name, what=what, here=a, there=b, ratio=ratio)]
