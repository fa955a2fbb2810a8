"""Arguments of a built-in model: unknown ones, wrong ones, and those that come from elsewhere."""

from __future__ import annotations

import pytest

from tests.helpers.recipes import MLP, change, refused

GPT = [
    ("{head_dim: 16}", "{}", "4:9: model.args: give exactly one of head_dim, n_head"),
    ("{head_dim: 16}", "{head_dim: 16, n_head: 2}", "4:9: model.args: give exactly one of"),
    ("{head_dim: 16}", "{head_dmi: 16}", "4:10: model.args.head_dmi: unknown key; did you mean"),
    ("{head_dim: 16}", "{head_dim: x}", "4:20: model.args.head_dim: expected an integer"),
    ("{head_dim: 16}", "{head_dim: 16, d_model: 3}", "4:24: model.args.d_model: set by base.width"),
    ("{head_dim: 16}", "{head_dim: 16, n_layer: 3}", "4:24: model.args.n_layer: set by base.depth"),
    ("{head_dim: 16}", "{head_dim: 16, seq_len: 3}", "4:24: model.args.seq_len: set by data"),
    ("{head_dim: 16}", "{head_dim: 16, vocab_size: 99}", "4:36: model.args.vocab_size: stdlib dat"),
    ("{head_dim: 16}", "{head_dim: 16}\n  width: {d_modle: 1}",
     "5:11: model.width.d_modle: unknown key; did you mean 'd_model'?"),
    ("source: stdlib", "source: tokens, path: x",
     "4:3: model.args.vocab_size: missing; data.source tokens does not say how many"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), GPT)
def test_gpt(old: str, new: str, line: str) -> None:
    assert refused(change(old, new)).startswith("r.yaml:" + line)


MLPS = [
    ("args: {}", "args: {d_in: 64}", "4:16: model.args.d_in: the data has d_in 256, found 64"),
    ("args: {}", "args: {activation: rleu}", "4:22: model.args.activation: expected relu | gelu"),
    ("args: {}", "args: {bias: 1}", "4:16: model.args.bias: expected true or false, found 1"),
    ("args: {}", "args: {head_dim: 1}", "4:10: model.args.head_dim: unknown key"),
]


@pytest.mark.parametrize(("old", "new", "line"), MLPS)
def test_mlp(old: str, new: str, line: str) -> None:
    assert refused(change(old, new, MLP)).startswith("r.yaml:" + line)


def test_a_callable_s_argument_is_given_once() -> None:
    text = change("mlp", "a.b:c", MLP).replace("args: {}", "args: {width: 3}")
    assert refused(text) == "r.yaml:4:17: model.args.width: set by model.width; give it once"
