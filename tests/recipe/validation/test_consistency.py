"""Data that the model does not read, or that cannot be as the recipe says."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.sources import SOURCES
from tests.helpers.recipes import MLP, change, refused

VECTORS = " | ".join(row.name for row in SOURCES if row.yields == "vectors")
GPT = [
    ("source: stdlib", "source: text", "7:1: data.path: missing; data.source text reads a file"),
    ("source: stdlib", "source: stdlib, path: x", "7:30: data.path: data.source stdlib reads no"),
    ("source: stdlib", "source: stdlib, shape: [3]", "7:31: data.shape: data.source stdlib has no"),
    ("source: stdlib", "source: stdlib, d_in: 3", "7:30: data.d_in: data.source stdlib has no"),
    ("source: stdlib", "source: digits", "7:16: data.source: gpt reads tokens"),
    ("{width: 32}", "{width: 32, tokens: 1000}", "8:27: base.tokens: 1000 tokens are less than"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), GPT)
def test_gpt(old: str, new: str, line: str) -> None:
    assert refused(change(old, new)).startswith("r.yaml:" + line)


MLPS = [
    ("teacher", "stdlib", f"7:16: data.source: mlp reads vectors: expected {VECTORS}"),
    ("teacher", "digits, d_in: 65", "7:30: data.d_in: data.source digits has d_in 64, found 65"),
]


@pytest.mark.parametrize(("old", "new", "line"), MLPS)
def test_mlp(old: str, new: str, line: str) -> None:
    assert refused(change(old, new, MLP)).startswith("r.yaml:" + line)


@pytest.mark.parametrize("model", [row.name for row in MODELS if row.reads == "vectors"])
def test_tokens_are_no_vectors(model: str) -> None:
    line = refused(change("teacher", "stdlib", MLP.replace("mlp", model)))
    assert line.startswith(f"r.yaml:7:16: data.source: {model} reads vectors: expected {VECTORS}")
