"""What two plans of one model do differently, number by number."""

from __future__ import annotations

from mutransfer_cli.rules.document import DifferenceDocument
from mutransfer_cli.rules.plan import Plan

SAME = 1e-9


def compared(here: Plan, there: Plan) -> tuple[DifferenceDocument, ...]:
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


def line(name: str, what: str, a: float | None, b: float | None) -> list[DifferenceDocument]:
    if a == b or (a is not None and b is not None and abs(a - b) <= SAME * abs(a)):
        return []
    ratio = b / a if a and b is not None else None
    return [DifferenceDocument(name=name, what=what, here=a, there=b, ratio=ratio)]
