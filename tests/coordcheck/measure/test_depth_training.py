"""What is measured at one depth, on a residual network small enough for arithmetic."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.depth_training import (
    CHANGE,
    STREAM,
    loss_shares,
    measure_depth,
    tensor_pattern,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.tracing.blocks import Blocks

BLOCKS = Blocks({"blocks": 2}, frozenset({"blocks.0.w", "blocks.1.w", "stem"}))


class Block(nn.Module):
    """x + w, with a w that starts at 1."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.w


class Net(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.stem = nn.Parameter(torch.ones(()))
        self.blocks = nn.ModuleList([Block() for _ in range(depth)])

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.stem
        for block in self.blocks:
            x = block(x)
        return x


def build(depth: int, seed: int) -> Subject:
    """The loss is the mean output; gradient descent with a rate of 0.1, on ones."""
    model = Net(depth)
    return Subject(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        lambda m, batch: m(batch[0]).mean(),
        lambda seed: (torch.ones(4, 3),),
    )


@pytest.mark.parametrize("depth", [2, 4])
def test_by_hand(depth: int) -> None:
    """At the start the stream is 1 + depth; every gradient is 1, so that every w falls by 0.1.

    Each step moves the output by 0.1 for the stem and each block; each tensor's share in the
    decrease of the loss is gradient · update = 1 · 0.1, that of all blocks depth times as much.
    """
    found = measure_depth(build, depth, 0, 2, BLOCKS)
    assert found.size == depth and found.finite
    assert found.network == {
        STREAM: pytest.approx(1 + depth), CHANGE: pytest.approx(2 * 0.1 * (1 + depth)),
    }  # fmt: skip
    assert found.shares == {"stem": pytest.approx(0.1), "blocks.*.w": pytest.approx(0.1 * depth)}


def test_the_control_changes_the_rates_inside_the_blocks() -> None:
    found = measure_depth(build, 2, 0, 1, BLOCKS, block_lr_factor=3.0)
    assert found.shares == {"stem": pytest.approx(0.1), "blocks.*.w": pytest.approx(0.6)}


def test_a_tensor_of_one_block_is_no_kind() -> None:
    """What stands in one block only cannot be compared between depths."""
    named = {
        "blocks.0.w": nn.Parameter(torch.ones(())),
        "blocks.1.w": nn.Parameter(torch.ones(())),
        "blocks.0.extra": nn.Parameter(torch.ones(())),
    }
    before = {name: p.detach() + 0.5 for name, p in named.items()}  # all fell by 0.5
    for p in named.values():
        p.grad = torch.full((), 2.0)
    assert loss_shares(named, before, BLOCKS) == {"blocks.*.w": pytest.approx(2 * 2.0 * 0.5)}


def test_patterns() -> None:
    assert tensor_pattern("blocks.12.mlp.w", BLOCKS) == "blocks.*.mlp.w"
    assert tensor_pattern("stem", BLOCKS) == "stem"


def test_blocks_that_are_not_called_as_modules() -> None:
    def inlined(depth: int, seed: int) -> Subject:
        subject = build(depth, seed)
        subject.loss = lambda m, b: sum(block.w for block in m.blocks) * b[0].mean()  # type: ignore[union-attr,misc]
        return subject

    with pytest.raises(InputError, match="at depth 2 no block of blocks is called as a module"):
        measure_depth(inlined, 2, 0, 1, BLOCKS)
