"""Blocks that a deeper model applies more often, and tensors that act on the stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mutransfer_cli.tracing.family import family_of
from mutransfer_cli.tracing.loops import RunModel, looped_modules, repeated_blocks
from tests.helpers.deep_stacks import VECTOR, Parallel, PostNorm, PreNorm, Stack


def run(model: nn.Module) -> RunModel:
    return model, lambda: model(torch.ones(2, VECTOR))


def test_a_looped_stack() -> None:
    base, deeper = (run(Stack(8, depth, loops=True)) for depth in (2, 4))
    assert looped_modules(base, deeper) == {"blocks.0"}  # and none of its children


def test_a_stack_of_its_own_blocks_is_not_looped() -> None:
    deeper = Stack(8, 4)
    names = [name for name, _ in deeper.named_parameters()]
    blocks = repeated_blocks(run(Stack(8, 2)), names, lambda: pytest.fail("not needed"))
    assert blocks.counts == {"blocks": 2} and not blocks.looped
    assert blocks.holds("blocks.3.branch.up.weight") and not blocks.holds("stem.weight")


def test_blocks_of_a_looped_stack() -> None:
    names = [name for name, _ in Stack(8, 2, loops=True).named_parameters()]
    blocks = repeated_blocks(
        run(Stack(8, 2, loops=True)), names, lambda: run(Stack(8, 4, loops=True))
    )
    assert blocks.is_looped("blocks.0.branch.up.weight") and not blocks.is_looped("stem.weight")
    assert blocks.is_block("blocks.0") and not blocks.is_block("blocks.1")
    assert blocks.position("blocks.0.branch.up.weight") is None


@pytest.mark.parametrize(
    ("block", "on_stream"),
    [(PreNorm, set()), (Parallel, set()), (PostNorm, {"norm.weight", "norm.bias"})],
)
def test_what_acts_on_the_stream(block: Callable[[int], nn.Module], on_stream: set[str]) -> None:
    def stack(width: int) -> RunModel:
        return run(Stack(width, 2, block))  # type: ignore[arg-type]  # a class of modules

    names = [name for name, _ in Stack(8, 4, block).named_parameters()]  # type: ignore[arg-type]  # the same
    blocks = repeated_blocks(stack(8), names, lambda: stack(8))
    family = family_of(stack(8), stack(16), blocks=blocks)
    found = {name for name in names if family.is_on_stream(name)}
    assert found == {f"blocks.{i}.{rest}" for i in range(4) for rest in on_stream}
