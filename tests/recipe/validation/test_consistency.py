"""Sizes, model arguments and data that do not fit are named with what would."""

from __future__ import annotations

import pytest

from tests.helpers.recipes import GOOD, MLP, change, refused

GPT = [
    ("{head_dim: 16}", "{}", "4:9: model.args: give exactly one of head_dim, n_head"),
    ("{head_dim: 16}", "{head_dim: 16, n_head: 2}", "4:9: model.args: give exactly one of"),
    ("{head_dim: 16}", "{head_dmi: 16}", "4:10: model.args.head_dmi: unknown key; did you mean"),
    ("{head_dim: 16}", "{head_dim: x}", "4:20: model.args.head_dim: expected an integer"),
    ("{head_dim: 16}", "{head_dim: 16, d_model: 3}", "4:24: model.args.d_model: set by base.width"),
    ("{head_dim: 16}", "{head_dim: 16, n_layer: 3}", "4:24: model.args.n_layer: set by base.depth"),
    ("{head_dim: 16}", "{head_dim: 16, seq_len: 3}", "4:24: model.args.seq_len: set by data"),
    ("{head_dim: 16}", "{head_dim: 16, vocab_size: 99}", "4:36: model.args.vocab_size: stdlib dat"),
    (
        "[32, 64]",
        "[32, 40]",
        "9:22: ladder.width.1: d_model 40 is not divisible by head_dim 16; "
        "nearest that work: 32, 48",
    ),
    ("width: 32}", "width: 8}", "8:15: base.width: d_model 8 is not divisible by head_dim 16; "
     "nearest that work: 16"),
    ("{head_dim: 16}", "{n_head: 3}", "8:15: base.width: d_model 32 is not divisible by n_head 3; "
     "nearest that work: 30, 33"),
    ("{head_dim: 16}", "{head_dim: 16}\n  width: {d_modle: 1}",
     "5:11: model.width.d_modle: unknown key; did you mean 'd_model'?"),
    ("{head_dim: 16}", "{head_dim: 16}\n  width: {d_model: 0.25}",
     "9:15: base.width: d_model 8 is not divisible by head_dim 16; nearest that work: 64"),
    ("{head_dim: 16}", "{head_dim: 16}\n  depth: {n_layer: 0.3}",
     "9:1: base.depth: n_layer = 2 × 0.3 = 0.6 is not a whole number"),
    ("source: stdlib", "source: text", "7:1: data.path: missing; data.source text reads a file"),
    ("source: stdlib", "source: stdlib, path: x", "7:30: data.path: data.source stdlib reads no"),
    ("source: stdlib", "source: stdlib, d_in: 3", "7:30: data.d_in: data.source stdlib has no"),
    ("source: stdlib", "source: digits", "7:16: data.source: gpt reads tokens"),
    ("source: stdlib", "source: tokens, path: x",
     "4:3: model.args.vocab_size: missing; data.source tokens does not say how many"),
    ("{width: 32}", "{width: 32, tokens: 1000}", "8:27: base.tokens: 1000 tokens are less than"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), GPT)
def test_gpt(old: str, new: str, line: str) -> None:
    assert refused(change(old, new)).startswith("r.yaml:" + line)


MLPS = [
    ("args: {}", "args: {d_in: 64}", "4:16: model.args.d_in: the data has d_in 256, found 64"),
    ("args: {}", "args: {activation: rleu}", "4:22: model.args.activation: expected relu | gelu"),
    ("args: {}", "args: {bias: 1}", "4:16: model.args.bias: expected true or false, found 1"),
    ("args: {}", "args: {head_dim: 1}", "4:10: model.args.head_dim: unknown key"),
    ("teacher", "stdlib", "7:16: data.source: mlp reads vectors: expected digits | teacher"),
    ("teacher", "digits, d_in: 65", "7:30: data.d_in: data.source digits has d_in 64, found 65"),
]


@pytest.mark.parametrize(("old", "new", "line"), MLPS)
def test_mlp(old: str, new: str, line: str) -> None:
    assert refused(change(old, new, MLP)).startswith("r.yaml:" + line)


def test_the_target_has_to_fit_too() -> None:
    assert refused(GOOD + "target: {width: 100}\n") == (
        "r.yaml:10:17: target.width: d_model 100 is not divisible by head_dim 16; "
        "nearest that work: 96, 112"
    )
