"""Attention logits as they are: q·k times the scale, for grouped queries too."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from mutransfer_cli.coordcheck.measure.attention_logits import attention_logits


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("scale", [None, 0.25])
def test_the_logits_of_every_call(scale: float | None) -> None:
    q, k, v = random(2, 4, 5, 16), random(2, 4, 7, 16), random(2, 4, 7, 8)
    with attention_logits() as logits:
        scaled_dot_product_attention(q, k, v, scale=scale)
        scaled_dot_product_attention(2 * q, k, v, scale=scale)
        torch.softmax(q @ k.mT, -1)  # no call of attention: the control
    one = torch.einsum("bhqd,bhkd->bhqk", q, k) * (16**-0.5 if scale is None else scale)
    assert len(logits) == 2
    torch.testing.assert_close(logits[0], one)
    torch.testing.assert_close(logits[1], 2 * one)


def test_grouped_queries_share_their_keys() -> None:
    """Of four queries the first two read the first key, the others the second."""
    q, k = random(1, 4, 3, 8), random(1, 2, 3, 8)
    with attention_logits() as logits:
        scaled_dot_product_attention(q, k, k, enable_gqa=True)
    wanted = torch.stack([q[0, head] @ k[0, head // 2].T for head in range(4)]) * 8**-0.5
    torch.testing.assert_close(logits[0][0], wanted)


def test_nothing_is_recorded_afterwards() -> None:
    q = random(1, 1, 2, 4)
    with attention_logits() as logits:
        pass
    scaled_dot_product_attention(q, q, q)
    assert logits == []
