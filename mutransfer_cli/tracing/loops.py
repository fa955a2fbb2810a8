"""Finds blocks that a deeper model applies more often, with the same tensors (looped stacks)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

from torch import nn

from mutransfer_cli.tracing.blocks import Blocks, blocks_of

RunModel = tuple[nn.Module, Callable[[], object]]


def repeated_blocks(
    base: RunModel, deeper_names: Collection[str], deeper: Callable[[], RunModel]
) -> Blocks:
    """What repeats along the depth: blocks, or if there are none, applications of the same ones.

    Args:
        base: The model at the base, and a call of its forward pass.
        deeper_names: Names of all tensors at a greater depth.
        deeper: Builds the model at that depth, for a forward pass.

    Raises:
        InputError: A tensor of the deeper model corresponds to none at the base.
    """
    names = [name for name, _ in base[0].named_parameters()]
    blocks = blocks_of(names, deeper_names)
    return blocks if blocks.counts else replace(blocks, looped=looped_modules(base, deeper()))


def looped_modules(base: RunModel, deeper: RunModel) -> frozenset[str]:
    """The outermost modules with parameters that are called more often at the greater depth.

    Args:
        base: The model at the base, and a call of its forward pass.
        deeper: The model at a greater depth, and a call of its forward pass.
    """
    before, after = (calls_by_module(*model) for model in (base, deeper))
    more = {name for name, count in after.items() if count > before.get(name, 0) > 0}
    return frozenset(name for name in more if not any(inside(name, other) for other in more))


def inside(name: str, container: str) -> bool:
    """Whether a module is another one's child, or a child's child."""
    return name.startswith(container + ".")


def calls_by_module(model: nn.Module, run: Callable[[], object]) -> Counter[str]:
    """How often each module with parameters is called in a forward pass."""
    calls: Counter[str] = Counter()
    handles = []
    for name, module in model.named_modules():
        if name and next(module.parameters(), None) is not None:

            def count(*_: object, name: str = name) -> None:
                calls[name] += 1

            handles.append(module.register_forward_pre_hook(count))
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return calls
