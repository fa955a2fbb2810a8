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
            {"dim": 1, "heads": 1 / 64},  # dim_head
            {"num_tokens": 256},
        ),
        (
            lambda n_layer=12, n_head=12, n_embd=768, vocab_size=50304: None,
            {"n_embd": 1, "n_head": 1 / 64},
            {},
        ),
        (
            lambda *, image_size, patch_size, num_classes, dim, depth, heads, mlp_dim: None,
            {"dim": 1, "mlp_dim": 1, "heads": 1 / 32},  # heads that nothing measures: of 32
            {"image_size": 32, "patch_size": 8, "num_classes": 10},  # 16 patches
        ),
        # larger images and patches of the defaults made as small, smaller patches kept
        (
            lambda img_size=224, patch_size=16, in_chans=3, num_classes=1000, embed_dim=768: None,
            {"embed_dim": 1},
            {"img_size": 32, "patch_size": 8},
        ),
        (
            lambda img_size=224, patch_size=4, embed_dim=96, num_register_tokens=None: None,
            {"embed_dim": 1},
            {"img_size": 32},
        ),
        (
            lambda d_model=512, nhead=8, num_layers=6, dim_feedforward=2048: None,
            {"d_model": 1, "dim_feedforward": 4, "nhead": 1 / 64},
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
        # as many key-value heads as heads, where only these have a default
        (
            lambda n_kv_heads, d_model=512, n_heads=8: None,
            {"d_model": 1, "n_heads": 1 / 64, "n_kv_heads": 1 / 64},
            {},
        ),
        # the size of a head is no width
        (
            lambda dim=512, heads=8, attention_head_dim=64: None,
            {"dim": 1, "heads": 1 / 64},
            {},
        ),
        # no whole number of kv_heads below width 512, of heads of 256 below 256
        (lambda width=4096, heads=32, kv_heads=8: None, {"width": 1}, {}),
        (lambda width=512, heads=2: None, {"width": 1}, {}),
        # not a number of heads, or heads that neither the width nor a head size measures
        (lambda width=128, heads=True, head=4, output_heads=4: None, {"width": 1}, {}),
        (lambda width, heads=4: None, {"width": 1}, {}),
        # keywords that go on to a layer do not hide the width
        (
            lambda *, dim, num_tokens, depth, ff_mult=2, **kwargs: None,
            {"dim": 1},
            {"num_tokens": 256},
        ),
        # PyTorch's word_language_model
        (
            lambda ntoken, ninp, nhead, nhid, nlayers, dropout=0.5: None,
            {"ninp": 1, "nhid": 1, "nhead": 1 / 32},
            {"ntoken": 256},
        ),
        # channels of an image
        (
            lambda *, image_size, channels, patch_size, dim, depth: None,
            {"dim": 1},
            {"image_size": 32, "channels": 3, "patch_size": 8},
        ),
        # the length of the data's sequences where it has no default, and predicting the next token
        (
            lambda *, num_tokens, max_seq_len, dim, causal=False: None,
            {"dim": 1},
            {"num_tokens": 256, "max_seq_len": 64, "causal": True},
        ),
        (
            lambda vocab_size, context_length, d_model, max_len=512, causal=True: None,
            {"d_model": 1},
            {"vocab_size": 256, "context_length": 64},
        ),
        (lambda dim, seq_len, causal=False: None, {"dim": 1}, {"seq_len": 64}),  # not of tokens
        (lambda dim, num_tokens=None: None, {"dim": 1}, {"num_tokens": 256}),
        # tokens that are no vocabulary
        (
            lambda dim, num_tokens, num_memory_tokens=None, dim_pooled_tokens=None: None,
            {"dim": 1},
            {"num_tokens": 256},
        ),
        # of vectors: MLP of rtdl_revisiting_models 0.0.2, and one whose vectors have defaults
        (
            lambda *, d_in, d_out, n_blocks, d_block, dropout: None,
            {"d_block": 1},
            {"d_in": 32, "d_out": 10, "dropout": 0},
        ),
        (lambda input_size=8, hidden_size=64, num_classes=3: None, {"hidden_size": 1}, {}),
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


@pytest.mark.parametrize(
    ("builder", "heads", "narrowest"),
    [
        (lambda width=128, heads=4: None, {"heads": 1 / 32}, 32),
        (lambda width=512, heads=8: None, {"heads": 1 / 64}, 64),
        (lambda width=128, heads=8, kv_heads=2: None, {"heads": 1 / 16, "kv_heads": 1 / 64}, 64),
        (lambda width=4096, heads=32: None, {"heads": 1 / 128}, 128),
        # heads of 12: at 24, 48, … whole in number, and divisible by the groups of normalization
        (lambda width=96, heads=8: None, {"heads": 1 / 12}, 48),
        (lambda width, heads=8, head_dim=16: None, {"heads": 1 / 16}, 32),
        (lambda width=512, heads=2: None, {}, 32),  # heads of 256: too wide, the reader has to say
        (lambda width=512: None, {}, 32),
    ],
)
def test_every_rung_has_whole_heads(
    builder: Callable[..., Any], heads: dict[str, float], narrowest: int
) -> None:
    arguments = arguments_of(builder)
    assert (dict(arguments.width), arguments.narrowest) == ({"width": 1, **heads}, narrowest)


@pytest.mark.parametrize(
    ("builder", "depth", "layers"),
    [
        (lambda dim, depth: None, {}, 2),
        (lambda dim, depth=12: None, {}, 12),
        (lambda dim: None, {}, 2),
        (lambda dim, n_layers: None, {"n_layers": 1}, 2),
        (lambda dim, num_layers=6: None, {"num_layers": 1}, 6),
        (lambda dim, num_encoder_layers=6, num_decoder_layers=6, n_dense_layers=1: None,
         {"num_encoder_layers": 1, "num_decoder_layers": 1}, 6),
        (lambda dim, layers=(3, 4, 6, 3): None, {}, 2),
    ],
)  # fmt: skip
def test_the_depth(builder: Callable[..., Any], depth: dict[str, float], layers: int) -> None:
    arguments = arguments_of(builder)
    assert (dict(arguments.depth), arguments.layers) == (depth, layers)


def test_what_nothing_says_is_missing() -> None:
    found = arguments_of(lambda *, kernel, num_classes, dim, depth, heads: None)
    assert found.missing == ("kernel", "num_classes")
    assert arguments_of(lambda n_layers, dim, num_tokens: None).missing == ()


def test_ratios_are_whole_at_the_narrowest_rung() -> None:
    """1365 is 8/3 of 512, rounded; of 64 it is 170.6."""
    arguments = arguments_of(lambda d_model=512, n_heads=8, d_ff=1365: None)
    assert arguments.width == {"d_model": 1, "d_ff": 171 / 64, "n_heads": 1 / 64}


def test_types_of_many_lines_are_not_shown() -> None:
    """As numpy's ArrayLike, which fills the comment before the last argument."""
    kind = " | ".join(f"type_{n}" for n in range(100))

    def build(width: int, kernel: int = 3) -> None: ...

    assert arguments_of(build).signature == "(width: 'int', kernel: 'int' = 3)"
    build.__annotations__["kernel"] = kind
    assert arguments_of(build).signature == "(width, kernel=3)"


def test_a_callable_without_a_signature() -> None:
    assert (arguments_of(dict).width, arguments_of(dict).signature) == ({"width": 1}, "")
