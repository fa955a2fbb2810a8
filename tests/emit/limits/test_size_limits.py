"""Targets that a stack's classes refuse are refused here first, naming the recipe's key.

The expected refusals are those of the stacks' own code: transformers' repeat_kv and torchtitan's
fused projection ask for heads that the key and value heads divide; nanoGPT and modelzoo make heads
of width / heads; Megatron's scheduler asserts that the warmup ends before the decay.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.emit.limits.size_limits import LIMITS
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_recipes import LLAMA

RECIPE = """
name: t
model: {build: "hf:PATH", args: ARGS}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.1}
schedule: {name: cosine, warmup: WARMUP, final: 0.1}
data: {source: stdlib, seq_len: 8}
base: {width: 64, depth: 2, batch: 4, steps: 20}
"""


def emitted(
    folder: Path,
    format: str,
    args: str = "{}",
    width: int = 256,
    warmup: str = "0.1",
    **config: object,
) -> EmitResult:
    text = json.dumps({**LLAMA, **config})
    path = folder / f"config{zlib.crc32(text.encode())}.json"  # a family is traced once per path
    path.write_text(text)
    recipe = folder / "r.yaml"
    text = RECIPE.replace("PATH", str(path)).replace("ARGS", args)
    recipe.write_text(text.replace("WARMUP", warmup))
    return scale(recipe, width=width, format=format, allow_deviations=True)


@pytest.mark.parametrize("format", ["hf", "json", "hf-granite", "megatron"])
def test_heads_that_the_key_heads_do_not_divide(tmp_path: Path, format: str) -> None:
    """Width 96 has 6 heads of 16; 4 key heads, which the recipe holds fixed, do not divide 6."""
    args = "{num_key_value_heads: 4}"
    emitted(tmp_path, format, args, width=128)
    with pytest.raises(InputError, match="num_attention_heads is 6, no multiple of") as error:
        emitted(tmp_path, format, args, width=96)
    assert error.value.path == ("model", "args", "num_key_value_heads")


HEADS_OF_THE_WIDTH = ("cerebras", "lm-engine")


@pytest.mark.parametrize("format", HEADS_OF_THE_WIDTH)
def test_heads_that_do_not_fill_the_width(tmp_path: Path, format: str) -> None:
    """8 heads of 16 entries fill a width of 128; with 32 entries they are twice as wide."""
    emitted(tmp_path, format)
    message = f"--format {format} would refuse it: 16 heads of 32 entries are 512"
    with pytest.raises(InputError, match=message) as error:
        emitted(tmp_path, format, head_dim=32)
    assert error.value.path == ("model",)
    with pytest.raises(InputError, match="would refuse it: ") as error:
        emitted(tmp_path, format, args="{head_dim: 32, num_attention_heads: 4}")
    assert error.value.path == ("model", "args", "head_dim")


def test_other_stacks_take_heads_of_any_size(tmp_path: Path) -> None:
    for format in ("hf", "hf-granite", "megatron", "torchtitan"):
        emitted(tmp_path, format, head_dim=32)


def test_a_warmup_that_takes_the_whole_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="warmup takes 20 of 20 steps") as error:
        emitted(tmp_path, "megatron", warmup="1.0")
    assert error.value.path == ("schedule", "warmup")
    emitted(tmp_path, "hf", warmup="1.0")


def test_an_activation_that_transformers_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="geluu"):
        emitted(tmp_path, "hf", hidden_act="geluu")


def test_every_limit_of_a_row_exists_and_is_used() -> None:
    named = {name for row in STACKS for name in row.limits}
    assert named == set(LIMITS)
    assert all(row.models == "decoders" for row in STACKS if row.limits)
