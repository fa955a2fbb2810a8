"""What every format has to pass: a stack's own rule, read from the emitted file, arrives at the
plan's numbers, or at exactly the declared deviations.

A new format adds its reader to helpers/emit_readers.py, and what it refuses to REFUSED.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_readers import READERS, Model, Reading, kind
from tests.helpers.emit_recipes import CASES, emit_recipe

USERS_MODEL = {"torch", "lightning", "optax", "bsh"}  # what it multiplies by itself stays in it
GPT_ARCHITECTURE = {"hf-granite", "torchtitan", "automodel"}  # of another architecture: llama cases
REFUSED = {
    ("torchtitan", "llama-tied"), ("torchtitan", "granite-own"),
    *((f, c) for f in ("nanogpt-mup", "nanogpt-completep") for c in CASES if "gpt" not in c),
    *((f, "gpt-sp") for f in ("nanogpt-mup", "nanogpt-completep", "bsh", "lm-engine")),
    ("lm-engine", "llama-sp"), ("bsh", "llama-sp"), ("bsh", "gpt-absorbed"),
    *(("bsh", c) for c in CASES if "completep" in c),
}  # fmt: skip
NOT_NUMBERS = ("model", "dtype", "activation", "bias_correction")
READ = [
    (f, c)
    for f in READERS
    if f in STACKS
    for c in CASES
    if not (f in GPT_ARCHITECTURE and c.startswith("gpt"))
]


def emitted(folder: Path, format: str, case: str) -> EmitResult:
    changes = CASES[case]
    width = 256 if "model" in changes else 64
    return scale(
        emit_recipe(folder, case),
        width=width,
        depth=changes.get("depth"),
        batch=changes.get("batch"),
        format=format,
        allow_deviations=True,
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
            key = "missing" if what in ("tied", "bias", "tensor") else what
            if not what.startswith("schedule") and what not in NOT_NUMBERS:
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
        assert reading.clip == found.document.clip
    for d in found.document.deviations:
        for name, text in found.files.items():
            if name.endswith((".py", ".sh", ".yaml", ".bsh")):
                line = next(x for x in text.splitlines() if f"deviation: {d.what}:" in x)
                assert line.startswith("#")


@pytest.mark.parametrize("format", [name for name in READERS if name in STACKS])
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


def test_every_format_is_read_or_is_the_plan_itself() -> None:
    others = {row.name for row in STACKS if not row.is_document and row.models != "transformers"}
    assert others <= set(READERS)
