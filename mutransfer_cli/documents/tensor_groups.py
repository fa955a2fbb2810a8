"""Groups tensors that differ in the index of their layer alone, for people."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol, TypeVar

from mutransfer_cli.documents.plan import TensorDocument

LAYER_INDEX = re.compile(r"(?<=\.)\d+(?=\.)")


class Named(Protocol):
    """What has the name of a tensor."""

    @property
    def name(self) -> str:
        """The tensor's name."""


Tensor = TypeVar("Tensor", bound=Named)


def pattern_of(name: str) -> str:
    """A tensor's name with `*` for the index of its layer."""
    return LAYER_INDEX.sub("*", name)


def grouped(
    tensors: Iterable[Tensor], shown: Callable[[Tensor], Hashable], every: bool = False
) -> list[tuple[str, list[Tensor]]]:
    """Tensors of one pattern of which the same is shown, each group with its label.

    Args:
        tensors: The tensors.
        shown: What is shown of a tensor.
        every: Whether each tensor is a group of its own.

    Returns:
        Labels such as `blocks.*.mlp.up.weight ×12`, and the tensors; in the order of the first.
    """
    groups: dict[Hashable, list[Tensor]] = {}
    for tensor in tensors:
        key = tensor.name if every else (pattern_of(tensor.name), shown(tensor))
        groups.setdefault(key, []).append(tensor)
    return [(label(members), members) for members in groups.values()]


def label(tensors: Sequence[Named]) -> str:
    """The name of one tensor, or the pattern of several and their number."""
    if len(tensors) == 1:
        return tensors[0].name
    return f"{pattern_of(tensors[0].name)} ×{len(tensors)}"


def labels(tensors: Iterable[Named]) -> list[str]:
    """The labels of tensors by pattern."""
    tensors = list(tensors)
    counts = Counter(pattern_of(tensor.name) for tensor in tensors)
    return [label([t for t in tensors if pattern_of(t.name) == pattern]) for pattern in counts]


def shown_inits(tensors: Iterable[TensorDocument]) -> dict[str, float | None]:
    """The init to show of each tensor: one number for layers that differ by their draw alone.

    Where the model's own init is rescaled, its size is measured on one draw at the base, and
    differs from layer to layer by sampling. Layers within six standard errors of each other, each
    1/sqrt(2 n) for n entries (of a normal draw), share their root mean square.

    Args:
        tensors: All tensors of a plan.

    Returns:
        By name; None where the model's own init is kept.
    """
    shown: dict[str, float | None] = {}
    drawn: dict[tuple[str, tuple[int, ...]], list[tuple[float, str]]] = {}
    for tensor in tensors:
        shown[tensor.name] = tensor.init_std
        if tensor.init == "rescale" and tensor.init_std:
            key = (pattern_of(tensor.name), tensor.base_shape)
            drawn.setdefault(key, []).append((tensor.init_std, tensor.name))
    for (_, shape), members in drawn.items():
        reach = 1 + 6 / math.sqrt(2 * max(math.prod(shape), 1))
        members.sort()
        while members:
            alike = [m for m in members if m[0] <= reach * members[0][0]]
            members = members[len(alike) :]
            mean = math.sqrt(sum(std**2 for std, _ in alike) / len(alike))
            shown.update({name: mean for _, name in alike})
    return shown
