"""Format megatron: numbers by hand, and a script that a shell can source."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.emit.scale import scale
from tests.helpers.emit_readers import READERS, Model, Read
from tests.helpers.emit_recipes import emit_recipe


def test_by_hand_megatron(tmp_path: Path) -> None:
    """Width × 4, one std 0.05: σ 0.05, outputs σ/√(2·2·4), η 0.01, logits 1/4, √8/32."""
    found = scale(emit_recipe(tmp_path, "gpt-one-std"), width=64, format="megatron")
    tensors = found.document.tensors
    model = Model(
        {t.name: t.shape for t in tensors}, {t.name: t.base_shape for t in tensors}, 32, tied=False
    )
    reading = READERS["megatron"](found.files, model)
    up, out = reading.tensors["blocks.0.mlp.up.weight"], reading.tensors["blocks.1.mlp.down.weight"]
    assert up == Read(0.0025, 0.1, 2.5e-9, 0.025)
    assert out.init_std == pytest.approx(0.0125)
    assert reading.tensors["readout.weight"].multiplier == 0.25
    assert reading.attention_scale == pytest.approx(8**0.5 / 32)
    # decay: planned 0.4 (lr × decay constant), Megatron has one number
    (decay,) = [d for d in found.document.deviations if d.what.startswith("weight_decay")]
    assert (decay.wanted, decay.got) == (pytest.approx(0.4), 0.1)


@pytest.mark.parametrize("format_", ["megatron", "cerebras"])
def test_the_row_says_whether_the_stack_scales_by_the_width(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """The option of each stack that turns muP on: given, save where the row says standard."""
    option = {"megatron": "--use-mup", "cerebras": "mup_base_hidden_size"}[format_]
    recipe = emit_recipe(tmp_path, "gpt-one-std")

    def text() -> str:
        (found,) = scale(recipe, width=64, format=format_).files.values()
        return "".join(line for line in found.splitlines() if not line.startswith("#"))

    assert option in text()
    stack = import_module(f"mutransfer_cli.emit.stacks.{format_}")
    rows = {"mup": replace(PARAMETERIZATIONS["mup"], standard=True)}
    monkeypatch.setattr(stack, "PARAMETERIZATIONS", rows)
    assert option not in text()


def test_the_script_can_be_sourced(tmp_path: Path) -> None:
    script = tmp_path / "megatron.sh"
    scale(emit_recipe(tmp_path, "llama"), width=256, format="megatron").write(script)
    done = subprocess.run(
        ["bash", "-c", f'source {script}; printf "%s\\n" "${{MUTRANSFER_ARGS[@]}}"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--use-mup" in done.stdout.split() and "#" not in done.stdout
