"""Copies of the base's blocks in a deeper model."""

from __future__ import annotations

import time

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.blocks import blocks_of

# DeepSeek: the first blocks are dense, all others a mixture.
DENSE, MIXED = "layers.{}.mlp.up", "layers.{}.mlp.experts"


def names(dense: int, mixed: int) -> list[str]:
    return [DENSE.format(i) for i in range(dense)] + [
        MIXED.format(i) for i in range(dense, dense + mixed)
    ]


def test_blocks_of_several_kinds() -> None:
    blocks = blocks_of(names(1, 1), names(1, 7))
    assert blocks.at_base("layers.0.mlp.up") == "layers.0.mlp.up"
    assert blocks.at_base("layers.6.mlp.experts") == "layers.1.mlp.experts"  # 6 modulo 2 is dense


def test_a_kind_that_the_base_has_not_is_an_error() -> None:
    with pytest.raises(InputError, match=r"base\.depth: .*layers\.3\.mlp\.experts"):
        blocks_of(names(2, 0), names(3, 1))


def test_blocks_that_alternate() -> None:
    every_other = [f"h.{i}.{'a' if i % 2 else 'b'}" for i in range(6)]
    assert blocks_of(every_other[:2], every_other).at_base("h.5.a") == "h.1.a"


def test_ten_thousand_names_take_no_time() -> None:
    """Comparing each name with each other would take minutes."""
    names = [f"blocks.{i}.{part}" for i in range(2_500) for part in ("a", "b", "c", "d")]
    started = time.process_time()
    blocks = blocks_of(names[:5_000], names)
    assert blocks.counts == {"blocks": 1_250} and time.process_time() - started < 5
