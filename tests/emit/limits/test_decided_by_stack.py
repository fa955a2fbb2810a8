"""What a stack decides by itself is declared, for every format; `--strict` then fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from tests.helpers.commands import run
from tests.helpers.emit_recipes import LLAMA

GPT2 = {
    "model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 256,
    "n_positions": 32, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
}  # fmt: skip
RECIPE = """
name: t
model: {build: "hf:PATH"}
init: {from: fan_in, std: 0.02, embedding_std: 0.02}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.1}
schedule: {name: cosine, warmup: 0.1, final: 0.1}
data: {source: stdlib, seq_len: 8}
base: {width: 64, depth: 2, batch: 4, steps: 20}
"""


def recipe_of(folder: Path, config: dict[str, object]) -> Path:
    text = json.dumps(config)
    path = folder / "config.json"
    path.write_text(text)
    recipe = folder / "r.yaml"
    recipe.write_text(RECIPE.replace("PATH", str(path)))
    return recipe


def emitted(folder: Path, format: str, config: dict[str, object]) -> EmitResult | None:
    """The files of a format; None where it refuses the recipe."""
    try:
        recipe = recipe_of(folder, config)
        return scale(recipe, width=128, format=format, allow_deviations=True)
    except InputError:
        return None


def named(found: EmitResult, what: str) -> list[Deviation]:
    return [d for d in found.document.deviations if d.what.partition(" of ")[0] == what]


# How each file fixes the precision of the stack's parameters and products, as its source has it:
# nanoGPT, lm-engine and torchtitan by a key; Megatron without --bf16 and --fp16, and transformers
# without a dtype, in float32.
PRECISION = {
    "nanogpt-mup": r"(?m)^dtype = 'float32'",
    "nanogpt-completep": r"(?m)^dtype = 'float32'",
    "torchtitan": r"'mixed_precision_param': 'float32'",
    "lm-engine": r"dtype: fp32",
    "megatron": r"(?s)^(?!.*--(bf16|fp16))",
    "hf": r"(?s)^(?!.*'dtype')",
    "hf-granite": r"(?s)^(?!.*'dtype')",
}
MIXED = {
    "cerebras": "mixed precision in float16",  # its own default, and always on its machines
    "automodel": "weights in float32, computed in bfloat16",  # the default policy of its FSDP2
}
# precision and dropout are those of the model
USERS_OWN = {"json", "torch", "lightning", "optax", "bsh"}


@pytest.mark.parametrize("format", [row.name for row in STACKS])
def test_the_precision_is_set_or_declared(tmp_path: Path, format: str) -> None:
    config = GPT2 if format.startswith("nanogpt") else LLAMA
    found = emitted(tmp_path, format, dict(config))
    assert found is not None
    declared = named(found, "dtype")
    if format in USERS_OWN:
        assert STACKS[format].dtype == "" and not declared
    elif format in MIXED:
        assert [(d.wanted, d.got) for d in declared] == [("float32", MIXED[format])]
    else:
        assert not declared
        if format in PRECISION:
            code = "\n".join(x for x in found.text().splitlines() if not x.startswith("#"))
            assert re.search(PRECISION[format], code), code


@pytest.mark.parametrize("format", [r.name for r in STACKS if r.name not in USERS_OWN])
def test_proxies_in_another_precision(tmp_path: Path, format: str) -> None:
    config = GPT2 if format.startswith("nanogpt") else LLAMA
    found = emitted(tmp_path, format, {**config, "dtype": "bfloat16"})
    assert found is not None
    assert [d.wanted for d in named(found, "dtype")] == ["bfloat16"]


@pytest.mark.parametrize(
    ("precision", "words"),
    [
        ("float32", "float32"),
        ("bf16", "bfloat16"),
        ("bf16-autocast", "weights in float32, computed in bfloat16"),
    ],
)
def test_proxies_trained_in_another_precision(tmp_path: Path, precision: str, words: str) -> None:
    recipe = recipe_of(tmp_path, dict(LLAMA))
    recipe.write_text(f"{recipe.read_text().rstrip()}\ntrain: {{precision: {precision}}}\n")
    for format, got in (("hf", "float32"), ("automodel", MIXED["automodel"])):
        found = scale(recipe, width=128, format=format, allow_deviations=True)
        expected = [] if got == words else [(words, got)]
        assert [(d.wanted, d.got) for d in named(found, "dtype")] == expected


def test_a_z_loss_is_declared(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, dict(LLAMA))
    for weight in (0.0, 1e-4):
        recipe.write_text(recipe.read_text() + f"z_loss: {weight}\n" * (weight > 0))
        found = scale(recipe, width=128, format="hf", allow_deviations=True)
        assert [d.wanted for d in named(found, "z_loss")] == [weight] * (weight > 0)


@pytest.mark.parametrize("format", [row.name for row in STACKS])
def test_dropout_is_kept_or_declared(tmp_path: Path, format: str) -> None:
    kept = USERS_OWN | {"hf"}
    attention_alone = {"hf-granite", "automodel"}
    for base, key in ((LLAMA, "attention_dropout"), (GPT2, "resid_pdrop")):
        found = emitted(tmp_path, format, {**base, key: 0.1})
        if found is None:
            continue
        (plain,) = (emitted(tmp_path, format, dict(base)),)
        assert plain is not None and named(plain, "dropout") == []
        silent = format in kept or (format in attention_alone and base is LLAMA)
        assert [d.wanted for d in named(found, "dropout")] == ([] if silent else [f"{key} 0.1"])


@pytest.mark.parametrize("format", [row.name for row in STACKS])
def test_biases_are_kept_or_declared(tmp_path: Path, format: str) -> None:
    """Llama with biases in attention alone: stacks have all biases or none, or refuse."""
    found = emitted(tmp_path, format, {**LLAMA, "attention_bias": True})
    plain = emitted(tmp_path, format, dict(LLAMA))
    if found is None or plain is None:
        assert format in {"torchtitan", "nanogpt-mup", "nanogpt-completep", "bsh"}
        return
    declared = named(found, "tensor")
    if STACKS[format].biases == "each":
        assert declared == [] == named(plain, "tensor")
    else:
        assert [d.got for d in declared] == ["none"]
        has_own = STACKS[format].biases == "all-qkv-or-none"  # --add-qkv-bias of Megatron
        assert ("q_proj.bias" in declared[0].what) == (not has_own)
        assert "o_proj.bias" in declared[0].what
        assert named(plain, "tensor") == []


@pytest.mark.parametrize("format", ["megatron", "cerebras", "lm-engine"])
def test_biases_that_the_stack_adds_are_declared(tmp_path: Path, format: str) -> None:
    found = emitted(tmp_path, format, {**LLAMA, "mlp_bias": True})
    assert found is not None
    (added,) = named(found, "added bias")
    assert "q_proj" in added.what and added.wanted == "none" and "mlp" not in added.what


@pytest.mark.parametrize("format", [r.name for r in STACKS if r.activations is not None])
def test_another_activation_is_declared(tmp_path: Path, format: str) -> None:
    gated = not format.startswith("nanogpt")
    base, key = (LLAMA, "hidden_act") if gated else (GPT2, "activation_function")
    usual = "silu" if gated else "gelu"
    for activation, expected in ((usual, []), ("relu", [("relu", usual)])):
        found = emitted(tmp_path, format, {**base, key: activation})
        assert found is not None
        assert [(d.wanted, d.got) for d in named(found, "activation")] == expected


TIED = {"tie_word_embeddings": True}
# By quantity: changes of the config, the formats that decide it, and what they then declare;
# all other formats either keep it or refuse the recipe. nanoGPT's formats get GPT-2's config.
DROPOUT_OFF = ("megatron", "cerebras", "torchtitan", "lm-engine")
DECIDED = {
    "dropout": ({"attention_dropout": 0.1}, DROPOUT_OFF),
    "tensor": ({"attention_bias": True}, ("megatron", "cerebras", "lm-engine", "torchtitan")),
    "added bias": ({"mlp_bias": True}, ("megatron", "cerebras", "lm-engine")),
    "activation": ({"hidden_act": "relu"}, ("megatron", "cerebras", "torchtitan", "lm-engine")),
    "dtype": ({"dtype": "bfloat16"}, tuple(r.name for r in STACKS if r.name not in USERS_OWN)),
}
GPT2_DECIDED: dict[str, dict[str, object]] = {
    "dropout": {"resid_pdrop": 0.1},
    "activation": {"activation_function": "relu"},
    "dtype": {"dtype": "bfloat16"},
    "tied": {"tie_word_embeddings": False},
}


@pytest.mark.parametrize("quantity", DECIDED)
@pytest.mark.parametrize("format", [r.name for r in STACKS if not r.name.startswith("nanogpt")])
def test_strict_fails_on_what_the_stack_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str, quantity: str
) -> None:
    """By the command: exit 1 and the deviation, or no word of it."""
    change, formats = DECIDED[quantity]
    code, shown = strict(recipe_of(tmp_path, {**LLAMA, **change}), format, capsys)
    if format in formats:
        # torchtitan has no biases at all: it refuses, or says so
        assert (code == 1 and f"deviation: {quantity}" in shown) or refused(code, format, quantity)
    else:
        assert f"deviation: {quantity}" not in shown


def refused(code: int, format: str, quantity: str) -> bool:
    return code == 2 and (format, quantity) == ("torchtitan", "tensor")


@pytest.mark.parametrize("quantity", GPT2_DECIDED)
@pytest.mark.parametrize("format", ["nanogpt-mup", "nanogpt-completep"])
def test_strict_fails_on_what_nanogpt_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str, quantity: str
) -> None:
    """Its embedding is always tied: untied proxies are declared."""
    plain = {**GPT2, "activation_function": "gelu"}
    word = f"deviation: {quantity}"
    code, shown = strict(recipe_of(tmp_path, {**plain, **GPT2_DECIDED[quantity]}), format, capsys)
    assert code == 1 and word in shown
    _, shown = strict(recipe_of(tmp_path, plain), format, capsys)
    assert word not in shown


@pytest.mark.parametrize("format", [row.name for row in STACKS if row.tied != "either"])
def test_a_tie_that_the_stack_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    """Always tied: untied proxies are declared. Never tied: tied proxies are refused."""
    if STACKS[format].tied == "never":
        code, shown = strict(recipe_of(tmp_path, {**LLAMA, **TIED}), format, capsys)
        assert code == 2 and "a tied embedding" in shown
        return
    untied = {**GPT2, "tie_word_embeddings": False}
    code, shown = strict(recipe_of(tmp_path, untied), format, capsys)
    assert code == 1 and "deviation: tied of lm_head.weight" in shown


def strict(recipe: Path, format: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code of `scale --strict`, and what it printed."""
    width = "64" if "nanogpt" in format else "128"
    arguments = ("scale", recipe, "--width", width, "--format", format, "--strict")
    code = run(*arguments, "-o", recipe.parent / f"out-{format}")
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_strict_fails_on_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Per kind: a format and config with that deviation, and the same without it."""
    granite = {**LLAMA, "model_type": "granite", "attention_multiplier": 0.0625}
    for format, config, change in (
        ("hf", LLAMA, {"dtype": "bfloat16"}),
        ("hf-granite", granite, {"dtype": "float16"}),
    ):
        for changes, code in ((change, 1), ({}, 0)):
            recipe = recipe_of(tmp_path, {**config, **changes})
            arguments = ("scale", recipe, "--width", "64", "--format", format, "--strict")
            assert run(*arguments, "-o", tmp_path / "out") == code, (format, changes)
            shown = capsys.readouterr().out
            assert ("deviation: dtype: " in shown) == bool(changes)
