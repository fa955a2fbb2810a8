"""Megatron's arguments for rotary frequencies and biases that a config asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_recipes import LLAMA, emit_recipe

LLAMA_3 = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 16.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
}  # fmt: skip


def emitted(folder: Path, format: str = "megatron", **config: Any) -> EmitResult:
    """The file for a Llama whose config has these entries."""
    path = emit_recipe(folder, "llama")
    (folder / "llama.json").write_text(json.dumps({**LLAMA, **config}))
    return scale(path, width=256, format=format)


def test_frequencies_of_llama_3(tmp_path: Path) -> None:
    text = emitted(tmp_path, rope_parameters=LLAMA_3).text()
    assert "--use-rope-scaling" in text and "--rope-scaling-factor 16.0\n" in text
    assert "--rotary-base 500000\n" in text


def test_frequencies_as_they_are(tmp_path: Path) -> None:
    assert "rope-scaling" not in emitted(tmp_path).text()


@pytest.mark.parametrize(
    ("format", "change", "message"),
    [
        ("megatron", {"high_freq_factor": 8.0}, "have high_freq_factor 8.0, and .* has 4.0"),
        ("megatron", {"rope_type": "linear"}, "rope_type is linear, and the stack has default and"),
        ("cerebras", {}, "rope_type is llama3, and the stack has default;"),
        ("lm-engine", {}, "rope_type is llama3, and the stack has default;"),
    ],
)
def test_other_frequencies_are_refused(
    tmp_path: Path, format: str, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        emitted(tmp_path, format, rope_parameters={**LLAMA_3, **change})


def test_biases_of_attention_alone(tmp_path: Path) -> None:
    """--add-qkv-bias gives those of q, k and v, and no argument that of the output."""
    found = emitted(tmp_path, attention_bias=True)
    assert "--add-qkv-bias" in found.text() and "--disable-bias-linear" in found.text()
    missing = [d.what for d in found.document.deviations if d.what.startswith("tensor of")]
    assert missing == ["tensor of model.layers.*.self_attn.o_proj.bias"]
