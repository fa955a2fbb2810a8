"""Format megatron: numbers by hand, and a script that a shell can source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

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
    # decay: wanted 0.4 (lr × decay constant), Megatron has one number
    (decay,) = [d for d in found.document.deviations if d.what.startswith("weight_decay")]
    assert (decay.wanted, decay.got) == (pytest.approx(0.4), 0.1)


def test_the_script_can_be_sourced(tmp_path: Path) -> None:
    script = tmp_path / "megatron.sh"
    scale(emit_recipe(tmp_path, "llama"), width=256, format="megatron").write(script)
    done = subprocess.run(
        ["bash", "-c", f'source {script}; printf "%s\\n" "${{MUTRANSFER_ARGS[@]}}"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--use-mup" in done.stdout.split() and "#" not in done.stdout
