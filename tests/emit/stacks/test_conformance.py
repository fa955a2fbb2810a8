"""What every emitter has to pass: a stack's own rule, read from the emitted file, arrives at the
plan's numbers, or at exactly the declared deviations.

A new format adds its reader to readers.py, and what it refuses to REFUSED.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_readers import READERS, Model, Read, Reading, kind

LLAMA = {
    "model_type": "llama", "hidden_size": 128, "intermediate_size": 320, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 256,
    "max_position_embeddings": 32, "initializer_range": 0.02,
}  # fmt: skip
GPT = "{build: gpt, args: {vocab_size: 256, n_head: 2, tied: TIED, bias: true}}"
CASES: dict[str, dict[str, Any]] = {
    "gpt": {},
    "gpt-tied": {"TIED": "true"},
    "gpt-one-std": {"INIT": "{std: 0.05, embedding_std: 0.05, readout_std: 0.05, residual: gpt2}"},
    "gpt-no-decay": {"DECAY": "0.0", "CLIP": "null"},
    "gpt-coupled": {"RULES": "{weight_decay: coupled, epsilon: constant}"},
    "gpt-multipliers": {"MULTIPLIERS": "{embedding: 3.0, logit: 2.0, attention: 0.2}"},
    "gpt-absorbed": {"RULES": "{readout: absorbed}"},
    "gpt-factors": {"FACTORS": "{embedding: 2.0, readout: 0.5}"},
    "gpt-deep": {"depth": 6},
    "gpt-completep": {"PARAM": "completep", "depth": 6},
    "gpt-completep-tied": {"PARAM": "completep", "depth": 6, "TIED": "true"},
    "gpt-completep-half": {"PARAM": "completep", "depth": 6, "RULES": "{depth_alpha: 0.5}"},
    "gpt-sp": {"PARAM": "sp"},
    "gpt-residual": {"MULTIPLIERS": "{residual: 0.5}"},
    "llama": {"model": {}},
    "llama-tied": {"model": {"tie_word_embeddings": True}},
    "llama-completep": {"model": {}, "PARAM": "completep", "depth": 4},
    "llama-sp": {"model": {}, "PARAM": "sp"},
    "llama-batch": {"model": {}, "batch": 16},
    "granite": {"model": {"model_type": "granite", "attention_multiplier": 0.0625}},
    "granite-own": {
        "model": {
            "model_type": "granite", "attention_multiplier": 0.0625, "embedding_multiplier": 12.0,
            "logits_scaling": 4.0, "residual_multiplier": 0.22, "tie_word_embeddings": True,
        },
        "CLIP": "null",
    },
}  # fmt: skip
RECIPE = """
name: t
model: MODEL
parameterization: PARAM
rules: RULES
optimizer: {name: adamw, lr: 0.01, betas: [0.8, 0.9], eps: 1.0e-8, weight_decay: DECAY}
lr_factors: FACTORS
init: INIT
multipliers: MULTIPLIERS
clip: CLIP
schedule: {name: cosine, warmup: 0.1, final: 0.1}
data: {source: stdlib, seq_len: 8}
base: {width: BASE, depth: 2, batch: 4, steps: 20}
"""
DEFAULTS = {
    "TIED": "false", "PARAM": "mup", "RULES": "{}", "DECAY": "0.1", "INIT": "{}",
    "MULTIPLIERS": "{}", "CLIP": "1.0", "FACTORS": "{}",
}  # fmt: skip
USERS_MODEL = {"torch", "lightning", "bsh"}  # what it multiplies by itself stays in it
GPT_ARCHITECTURE = {"hf-granite", "torchtitan", "automodel"}  # of another architecture: llama cases
REFUSED = {
    ("torchtitan", "llama-tied"), ("torchtitan", "granite-own"),
    *((f, c) for f in ("nanogpt-mup", "nanogpt-completep") for c in CASES if "gpt" not in c),
    *((f, "gpt-sp") for f in ("nanogpt-mup", "nanogpt-completep", "bsh", "lm-engine")),
    ("lm-engine", "llama-sp"), ("bsh", "llama-sp"), ("bsh", "gpt-absorbed"),
    *(("bsh", c) for c in CASES if "completep" in c),
}  # fmt: skip
READ = [
    (f, c) for f in READERS for c in CASES if not (f in GPT_ARCHITECTURE and c.startswith("gpt"))
]


def recipe(folder: Path, case: str) -> Path:
    changes, text = CASES[case], RECIPE
    model, base = GPT, "16"
    if "model" in changes:
        config = folder / f"{case}.json"
        config.write_text(json.dumps({**LLAMA, **changes["model"]}))
        model, base = f"{{build: 'hf:{config}'}}", "64"
    for key, value in {"MODEL": model, "BASE": base, **DEFAULTS, **changes}.items():
        if isinstance(value, str):
            text = text.replace(key, value)
    path = folder / "r.yaml"
    path.write_text(text)
    return path


def emitted(folder: Path, format: str, case: str) -> EmitResult:
    changes = CASES[case]
    width = 256 if "model" in changes else 64
    return scale(
        recipe(folder, case),
        width=width,
        depth=changes.get("depth"),
        batch=changes.get("batch"),
        format=format,
    )


def model_of(found: EmitResult, case: str) -> Model:
    tensors = found.document.tensors
    head = 16 if "model" in CASES[case] else 32  # 64 / 2 heads
    return Model(
        {t.name: t.shape for t in tensors},
        {t.name: t.base_shape for t in tensors},
        head,
        any(t.role == "tied" for t in tensors),
    )


def multiplier(found: EmitResult, name: str, role: str, case: str) -> float:
    """What the plan has beside a tensor, with what the model has of its own, by hand."""
    forward = found.document.forward
    own = {} if found.document.format in USERS_MODEL else CASES[case].get("model", {})
    if kind(name) == "embedding" or role == "tied":
        value = forward["embedding_scale"]
        return 1.0 if value is None else value
    if kind(name) == "readout":
        return forward["logit_scale"] / own.get("logits_scaling", 1.0)
    if re.search(r"attention\.out|mlp\.down|o_proj|down_proj", name):
        value = forward["residual_scale"]
        return own.get("residual_multiplier", 1.0) if value is None else value
    return 1.0


Found = dict[tuple[str, str], tuple[float | None, float | None]]


def departures(found: EmitResult, reading: Reading, case: str) -> Found:
    """(number, tensor): what the plan wants in the stack's form, and what the stack does."""
    loose = 0.1 if "model" in CASES[case] else 1e-6  # the base's init is told from a sample
    result: Found = {}
    forward = found.document.forward
    own = {} if found.document.format in USERS_MODEL else CASES[case].get("model", {})
    for t in found.document.tensors:
        read = reading.tensors.get(t.name)
        if read is None:
            result["missing", t.name] = (None, None)
            continue
        ratio = read.multiplier / multiplier(found, t.name, t.role, case)
        # AdamW's symmetry: multiplier·t, init/t, lr/t, eps·t, decay·t
        wanted = {
            "init_std": t.init_std and t.init_std / ratio,
            "lr": t.lr / ratio,
            "eps": t.eps and t.eps * ratio,
            "weight_decay": t.weight_decay * ratio,
        }
        for what, value in wanted.items():
            got = getattr(read, what)
            if value is None or got is None:
                continue
            if abs(got - value) > (loose if what == "init_std" else 1e-6) * max(abs(value), got):
                result[what, t.name] = (value, got)
        if t.role == "tied" and reading.tied_logits is not None:
            ideal = forward["logit_scale"] / own.get("logits_scaling", 1.0) * ratio
            if abs(reading.tied_logits / ideal - 1) > 1e-6:
                result["logit_scale", ""] = (ideal, reading.tied_logits)
        if abs(ratio - 1) > 1e-6 and found.document.clip is not None:
            result["clip", ""] = (None, None)
    scales = forward["attention_scale"], reading.attention_scale
    if None not in scales and abs(scales[1] / scales[0] - 1) > 1e-6:
        query = next((n for n in reading.tensors if "q_proj" in n), None)
        if query is None or (found.document.format != "torchtitan"):
            result["attention_scale", ""] = scales
    return result


def declared(found: EmitResult) -> Found:
    result: Found = {}
    names = [t.name for t in found.document.tensors]
    for d in found.document.deviations:
        what, _, patterns = d.what.partition(" of ")
        matched = [n for n in names if any(fnmatchcase(n, p) for p in patterns.split(", "))]
        for name in matched or [""]:
            key = "missing" if what == "tied" else what
            if what not in ("model", "schedule"):
                result[key, name] = (d.wanted, d.got)
    return result


def absorbed_queries(found: EmitResult, reading: Reading) -> None:
    """torchtitan's attention is 1/√d_head: the rest is in the queries, which q·k shows."""
    scale = found.document.forward["attention_scale"]
    if scale is not None and reading.attention_scale is not None:
        for name, read in reading.tensors.items():
            if "q_proj.weight" in name:
                read.multiplier = reading.attention_scale / scale
        reading.attention_scale = scale


@pytest.mark.parametrize(("format", "case"), READ)
def test_the_stack_arrives_at_the_plan_or_at_the_deviations(
    tmp_path: Path, format: str, case: str
) -> None:
    if (format, case) in REFUSED:
        with pytest.raises(InputError, match=f"--format {format}"):
            emitted(tmp_path, format, case)
        return
    found = emitted(tmp_path, format, case)
    reading = READERS[format](found.files, model_of(found, case))
    if format == "torchtitan":
        absorbed_queries(found, reading)
    actual, said = departures(found, reading, case), declared(found)
    assert actual.keys() == said.keys()
    for key, (_, got) in actual.items():
        if isinstance(said[key][1], float):
            assert said[key][1] == pytest.approx(got, rel=1e-6)
    if format != "bsh":  # which holds shapes
        assert reading.clip == found.document.clip or format == "automodel"
    for d in found.document.deviations:
        for name, text in found.files.items():
            if name.endswith((".py", ".sh", ".yaml", ".bsh")):
                line = next(x for x in text.splitlines() if f"deviation: {d.what}:" in x)
                assert line.startswith("#")


@pytest.mark.parametrize("format", list(READERS))
def test_a_wrong_file_is_noticed(tmp_path: Path, format: str) -> None:
    """The control: a rate or an init scaled twice is no declared deviation."""
    case = "llama" if format in GPT_ARCHITECTURE else "gpt"
    found = emitted(tmp_path, format, case)
    reading = READERS[format](found.files, model_of(found, case))
    if format == "torchtitan":
        absorbed_queries(found, reading)
    name = next(n for n in reading.tensors if kind(n) == "up")
    right = reading.tensors[name]
    for wrong in (replace(right, lr=right.lr / 4), replace(right, init_std=right.init_std / 2)):
        reading.tensors[name] = wrong
        actual, said = departures(found, reading, case), declared(found)
        same = actual.keys() == said.keys() and all(
            not isinstance(said[k][1], float) or said[k][1] == pytest.approx(v[1])
            for k, v in actual.items()
        )
        assert not same


def test_by_hand_megatron(tmp_path: Path) -> None:
    """Width × 4, one std 0.05: σ 0.05, outputs σ/√(2·2·4), η 0.01, logits 1/4, √8/32."""
    found = emitted(tmp_path, "megatron", "gpt-one-std")
    reading = READERS["megatron"](found.files, model_of(found, "gpt-one-std"))
    up, out = reading.tensors["blocks.0.mlp.up.weight"], reading.tensors["blocks.1.mlp.down.weight"]
    assert up == Read(0.0025, 0.1, 2.5e-9, 0.025)
    assert out.init_std == pytest.approx(0.0125)
    assert reading.tensors["readout.weight"].multiplier == 0.25
    assert reading.attention_scale == pytest.approx(8**0.5 / 32)
    # decay: wanted 0.4 (lr × decay constant), Megatron has one number
    (decay,) = [d for d in found.document.deviations if d.what.startswith("weight_decay")]
    assert (decay.wanted, decay.got) == (pytest.approx(0.4), 0.1)


def test_every_format_is_read_or_is_the_plan_itself() -> None:
    assert set(STACKS.names) == set(READERS) | {"json", "hf"}


@pytest.mark.parametrize("name", ["gpt-neox", "litgpt", "maxtext", "torchtune", "levanter"])
def test_refused_with_the_reason_and_the_nearest(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"refused: .*take "):
        scale(recipe(tmp_path, "gpt"), width=64, format=name)
    with pytest.raises(InputError, match="did you mean 'megatron'"):
        scale(recipe(tmp_path, "gpt"), width=64, format="megatorn")
