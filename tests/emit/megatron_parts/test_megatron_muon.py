"""Megatron has one rate for all tensors: its Muon is scaled until matrices move as planned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.scale import scale
from tests.helpers.emit_recipes import emit_recipe, small_recipe

MUON = ["optimizer.name=muon", "optimizer.lr=0.02", "optimizer.adamw_lr=0.01"]


def emitted(path: Path, *sets: str, width: int = 64) -> tuple[dict[str, str], ScaleDocument]:
    """The value of every option, and the document."""
    found = scale(path, sets=[*MUON, *sets], width=width, format="megatron")
    words = re.findall(r"^  (--\S+)(?: (\S+))?", found.text(), re.M)
    return {option: value for option, value in words}, found.document


def deviations(document: ScaleDocument) -> dict[str, str]:
    """The patterns of tensors by what deviates."""
    pairs = [d.what.partition(" of ") for d in document.deviations]
    return {what: names for what, _, names in pairs}


@pytest.mark.parametrize(
    ("convention", "mode", "extra"),
    [
        ("original", "shape_scaling", 2.0),  # 0.02 over Adam's 0.01, in the same convention
        ("dion", "unit_rms_norm", 2.0),
        # 0.02 · 0.2·√max at the base; √max is twice as large here, so half of it
        ("moonlight", "spectral", 0.02 * 0.2 / 2 / 0.01),
    ],
)
def test_the_scale_is_converted(tmp_path: Path, convention: str, mode: str, extra: float) -> None:
    options, document = emitted(small_recipe(tmp_path), f"optimizer.adjust_lr={convention}")
    assert options["--optimizer"] == "muon" and float(options["--lr"]) == pytest.approx(0.01)
    assert options["--muon-scale-mode"] == mode
    assert float(options["--muon-extra-scale-factor"]) == pytest.approx(extra)
    assert options["--muon-coefficient-type"] == "simple"  # Megatron's default is another one
    assert "--muon-no-split-qkv" in options and "lr" not in deviations(document)


def test_a_convention_without_a_mode_deviates(tmp_path: Path) -> None:
    """Equal updates: √max(out, in) is 16 for up and down, √192 for qkv and 8 for out.

    shape_scaling would fit as many, but √3 and 2 are further from 1.
    """
    options, document = emitted(small_recipe(tmp_path), "optimizer.adjust_lr=none")
    assert options["--muon-scale-mode"] == "spectral"
    rates = {d.what: float(d.got) / float(d.wanted) for d in document.deviations if "lr" in d.what}
    assert rates == {
        "lr of blocks.*.attention.qkv.weight": pytest.approx(192**0.5 / 16),
        "lr of blocks.*.attention.out.weight": pytest.approx(0.5),
    }


def test_what_megatron_trains_in_another_way_is_declared(tmp_path: Path) -> None:
    _, document = emitted(small_recipe(tmp_path))
    found = deviations(document)
    assert found["optimizer"] == "position.weight" and "orthogonalization" not in found
    # rate × decay: 0.02 · 0.1 as planned, 0.01 · 0.1 here
    decay = next(d for d in document.deviations if d.what.startswith("weight_decay"))
    assert float(decay.got) / float(decay.wanted) == pytest.approx(0.5)


def test_gate_and_up_are_one_matrix(tmp_path: Path) -> None:
    options, document = emitted(emit_recipe(tmp_path, "llama"), width=128)
    found = deviations(document)
    assert found["orthogonalization"] == (
        "model.layers.*.mlp.gate_proj.weight, model.layers.*.mlp.up_proj.weight"
    )
    assert "--muon-no-split-qkv" not in options  # Megatron splits q, k and v
