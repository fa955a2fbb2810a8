"""Which arguments of a callable are its width: signatures as public models have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mutransfer_cli.models.growth.callable_arguments import arguments_of


@pytest.mark.parametrize(
    ("builder", "width", "fixed"),
    [
        (
            lambda *, dim, num_tokens, depth, dim_head=64, heads=8, ff_mult=4: None,
            {"dim": 1},
            {"num_tokens": 256},
        ),
        (lambda n_layer=12, n_head=12, n_embd=768, vocab_size=50304: None, {"n_embd": 1}, {}),
        (
            lambda *, image_size, patch_size, num_classes, dim, depth, heads, mlp_dim: None,
            {"dim": 1, "mlp_dim": 1},
            {},
        ),
        (
            lambda d_model=512, nhead=8, num_layers=6, dim_feedforward=2048: None,
            {"d_model": 1, "dim_feedforward": 4},
            {},
        ),
        (
            lambda in_channels, hidden_channels, out_channels, num_layers=2: None,
            {"hidden_channels": 1},
            {},
        ),
        (lambda width, hidden_dim=128: None, {"width": 1}, {}),
        (lambda **options: None, {"width": 1}, {}),
        (lambda size: None, {"size": 1}, {}),
        # heads of 32, as the defaults have them: one at the narrowest rung, 32
        (lambda width=128, heads=4: None, {"width": 1, "heads": 1 / 32}, {}),
        (
            lambda d_model=64, n_heads=8, n_kv_heads=4: None,
            {"d_model": 1, "n_heads": 1 / 8, "n_kv_heads": 1 / 16},
            {},
        ),
        # no whole number of heads at width 32: of kv_heads, of heads of 64, of heads of 12
        (lambda width=128, heads=8, kv_heads=2: None, {"width": 1}, {}),
        (lambda width=512, heads=8: None, {"width": 1}, {}),
        (lambda width=96, heads=8: None, {"width": 1}, {}),
        # not a number of heads, or no default to measure it by
        (lambda width=128, heads=True, head=4, output_heads=4: None, {"width": 1}, {}),
        (lambda width=128, *, heads: None, {"width": 1}, {}),
        (lambda width, heads=4: None, {"width": 1}, {}),
        # signatures that do not tell: the reader has to say
        (lambda n_channels, n_classes, bilinear=False: None, {"width": 1}, {}),
        (lambda first, second: None, {"width": 1}, {}),
    ],
)
def test_the_width(
    builder: Callable[..., Any], width: dict[str, float], fixed: dict[str, int]
) -> None:
    arguments = arguments_of(builder)
    assert (dict(arguments.width), dict(arguments.fixed)) == (width, fixed)


def test_a_callable_without_a_signature() -> None:
    assert (arguments_of(dict).width, arguments_of(dict).signature) == ({"width": 1}, "")
