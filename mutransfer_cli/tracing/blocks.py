"""Finds the blocks that repeat along the depth, from tensor names at two depths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mutransfer_cli.errors import InputError


@dataclass(frozen=True, slots=True)
class Blocks:
    """Containers of repeated blocks.

    Attributes:
        counts: Number of blocks at the base, by container (the part of the name before the index).
        names: Names of all tensors at the base.
        looped: Modules that a deeper model applies more often, with the same tensors.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    looped: frozenset[str] = frozenset()

    def position(self, name: str) -> tuple[str, int, str] | None:
        """Container, index and remaining name of a tensor; None outside of blocks."""
        parts = name.split(".")
        for i, part in enumerate(parts):
            if part.isdigit() and ".".join(parts[:i]) in self.counts:
                return ".".join(parts[:i]), int(part), ".".join(parts[i + 1 :])
        return None

    def is_block(self, module: str) -> bool:
        """Whether a name is that of a block."""
        container, _, number = module.rpartition(".")
        return module in self.looped or (container in self.counts and number.isdigit())

    def is_looped(self, name: str) -> bool:
        """Whether a tensor is in a block that a deeper model applies more often."""
        parts = name.split(".")
        return any(".".join(parts[:i]) in self.looped for i in range(len(parts)))

    def holds(self, name: str) -> bool:
        """Whether a tensor is in a block of either kind."""
        return self.position(name) is not None or self.is_looped(name)

    def at_base(self, name: str) -> str:
        """The tensor at the base that corresponds to a tensor at another depth.

        Blocks may alternate: block i corresponds to block i modulo the number of blocks at the
        base, or if that block has no such tensor, to the last block that has one (DeepSeek's first
        blocks are dense).
        """
        position = self.position(name)
        if position is None:
            return name
        container, index, rest = position
        count = self.counts[container]

        def copy(block: int) -> str:
            return ".".join(p for p in (container, str(block), rest) if p)

        first = copy(index % count)
        if first in self.names:
            return first
        return next((c for c in map(copy, reversed(range(count))) if c in self.names), first)


def blocks_of(base: Collection[str], deeper: Collection[str]) -> Blocks:
    """Find the blocks by comparing parameter names at the base and at a greater depth.

    Raises:
        InputError: A tensor of the deeper model corresponds to none at the base.
    """
    known = set(base)
    children: dict[str, set[str]] = defaultdict(set)  # the next part of a name, by the parts before
    for name in known:
        parts = name.split(".")
        for i, part in enumerate(parts):
            children[".".join(parts[:i])].add(part)
    numbered = {prefix: all_digits(found) for prefix, found in children.items()}
    counts: dict[str, int] = {}
    for name in deeper:
        if name in known:
            continue
        parts = name.split(".")
        for i, part in enumerate(parts):
            prefix = ".".join(parts[:i])
            indexes = children.get(prefix, set())
            if part.isdigit() and indexes and part not in indexes and numbered[prefix]:
                counts[prefix] = len(indexes)
                break
        else:
            raise InputError(
                f"parameter {name} of a deeper model has no pattern at the base", path=("model",)
            )
    blocks = Blocks(counts, frozenset(known))
    for name in deeper:
        if blocks.at_base(name) not in known:
            raise InputError(
                f"parameter {name} of a deeper model has no counterpart at the base; "
                "use a base and a ladder deep enough to hold every kind of block",
                path=("base", "depth"),
            )
    return blocks


def all_digits(words: Collection[str]) -> bool:
    """Whether all words are numbers."""
    return all(w.isdigit() for w in words)
