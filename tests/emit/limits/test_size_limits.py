"""Targets that a stack's classes refuse are refused here first, naming the recipe's key.

The expected refusals are those of the stacks' own code: transformers' repeat_kv and torchtitan's
fused projection ask for heads that the key and value heads divide; nanoGPT and modelzoo make heads
of width / heads; Megatron's scheduler asserts that the warmup ends before the decay.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import GraniteConfig

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
    path = folder / "config.json"
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


GPT = """
name: t
model: {build: gpt, args: ARGS}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.1}
schedule: {name: cosine, warmup: 0.1, final: 0.1}
data: {source: stdlib, seq_len: 8}
base: {width: BASE, depth: 1, batch: 4, steps: 20}
"""


def emitted_gpt(folder: Path, format: str, base: int, width: int, **args: object) -> EmitResult:
    recipe = folder / "r.yaml"
    recipe.write_text(GPT.replace("ARGS", json.dumps(args)).replace("BASE", str(base)))
    return scale(recipe, width=width, format=format, allow_deviations=True)


@pytest.mark.parametrize("format", ["hf-granite", "automodel", "torchtitan"])
def test_rotary_heads_have_an_even_size(tmp_path: Path, format: str) -> None:
    """Learned positions allow heads of 5 entries; rotary ones, which the format has, do not."""
    args = {"vocab_size": 256, "n_head": 2, "tied": False}
    emitted_gpt(tmp_path, format, 4, 12, **args)
    with pytest.raises(InputError, match="2 heads at width 10 have 5") as error:
        emitted_gpt(tmp_path, format, 4, 10, **args)
    assert error.value.path == ("model", "args", "n_head")
    emitted_gpt(tmp_path, "nanogpt-mup", 4, 10, **args)


def test_transformers_refuses_an_odd_rotary_head() -> None:
    """The classes that Automodel builds, too."""
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 2}
    GraniteConfig(head_dim=6, **sizes)
    with pytest.raises(Exception, match="even rotary dimension"):
        GraniteConfig(head_dim=5, **sizes)


LARGEST = {"nanogpt-mup": 2**16, "nanogpt-completep": 2**16, "cerebras": 512_000}


@pytest.mark.parametrize(("format", "largest"), LARGEST.items())
def test_a_vocabulary_that_is_too_large(tmp_path: Path, format: str, largest: int) -> None:
    """numpy.uint16 ends at 65535; modelzoo's vocab_size is Annotated[int, Ge(1), Le(512000)]."""
    args = {"n_head": 2, "tied": True}
    emitted_gpt(tmp_path, format, 4, 8, vocab_size=largest, **args)
    with pytest.raises(InputError, match=f"has {largest + 1} tokens; expected at most") as error:
        emitted_gpt(tmp_path, format, 4, 8, vocab_size=largest + 1, **args)
    assert error.value.path == ("model", "args", "vocab_size")
    emitted_gpt(tmp_path, "lm-engine", 4, 8, vocab_size=largest + 1, **args)


def test_an_activation_that_transformers_does_not_know(tmp_path: Path) -> None:
    """The name stands in the file, or in the recipe's arguments."""
    message = "hidden_act: transformers has no activation 'geluu'; expected gelu, "
    with pytest.raises(InputError, match=message) as error:
        emitted(tmp_path, "hf", hidden_act="geluu")
    assert error.value.path == ("model", "build")
    with pytest.raises(InputError, match=message) as error:
        emitted(tmp_path, "megatron", args="{hidden_act: geluu}")
    assert error.value.path == ("model", "args", "hidden_act")


def test_every_limit_of_a_row_exists_and_is_used() -> None:
    named = {name for row in STACKS for name in row.limits}
    assert named == set(LIMITS)
    assert all(row.models == "decoders" for row in STACKS if row.limits)
