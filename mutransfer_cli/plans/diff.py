"""What two plans of one model do differently, number by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mutransfer_cli.documents.plan import DifferenceDocument
from mutransfer_cli.plans.types import PlanData

SAME = 1e-9


def compared(here: PlanData, there: PlanData) -> tuple[DifferenceDocument, ...]:
    """Line by line; a tensor of only one of the plans is a difference in all."""
    others = {t.name: t for t in there.tensors}
    found = []
    for tensor in here.tensors:
        other = others.pop(tensor.name, None)
        for what in ("init_std", "multiplier", "lr", "weight_decay", "eps"):
            a = getattr(tensor, what)
            b = getattr(other, what) if other is not None else None
            found += line(tensor.name, what, a, b)
    for name, extra in others.items():
        found += line(name, "lr", None, extra.lr)
    for name in dict.fromkeys([*here.forward, *there.forward]):
        found += line("forward", name, here.forward.get(name), there.forward.get(name))
    found += line("forward", "clip", here.clip, there.clip)
    return tuple(found)


def hyperparameters_compared(
    here: Mapping[str, Any], there: Mapping[str, Any], name: str = "hyperparameters"
) -> tuple[DifferenceDocument, ...]:
    """Numbers at the base; nested ones go by a path, and what is no number is left out."""
    found: list[DifferenceDocument] = []
    a, b = flat(here), flat(there)
    for what in dict.fromkeys([*a, *b]):
        found += line(name, what, a.get(what), b.get(what))
    return tuple(found)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Numbers by their paths."""
    found: dict[str, float] = {}
    for key, value in values.items():
        items = enumerate(value) if isinstance(value, list | tuple) else ()
        nested = value if isinstance(value, Mapping) else {str(i): v for i, v in items}
        found |= flat(nested, f"{prefix}{key}.")
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{key}"] = float(value)
    return found


def line(name: str, what: str, a: float | None, b: float | None) -> list[DifferenceDocument]:
    if a == b or (a is not None and b is not None and abs(a - b) <= SAME * abs(a)):
        return []
    ratio = b / a if a and b is not None else None
    return [DifferenceDocument(name=name, what=what, here=a, there=b, ratio=ratio)]
