"""Formats of nanoGPT-mup: what train.py ignores is declared with the line that mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.documents.scale import Deviation, ScaleDocument
from mutransfer_cli.emit.scale import scale
from tests.helpers.emit_readers import executed
from tests.helpers.emit_recipes import emit_recipe


def deviation(document: ScaleDocument, quantity: str, tensor: str) -> Deviation:
    (found,) = [
        d for d in document.deviations if d.what.startswith(f"{quantity} of") and tensor in d.what
    ]
    return found


@pytest.mark.parametrize("format_", ["nanogpt-mup", "nanogpt-completep"])
def test_the_init_that_the_model_keeps(tmp_path: Path, format_: str) -> None:
    """Width × 4: hidden matrices start at 0.02 / √4 instead of 0.05 / √4; 0.05 is the base's."""
    found = scale(emit_recipe(tmp_path, "gpt-one-std"), width=64, format=format_)
    hidden = deviation(found.document, "init_std", "mlp.up.weight")
    assert (hidden.wanted, hidden.got) == (pytest.approx(0.025), pytest.approx(0.01))
    assert "with init_std=init_std in train.py it starts at 0.025" in hidden.consequence
    embedding = deviation(found.document, "init_std", "token.weight")
    assert (embedding.wanted, embedding.got) == (pytest.approx(0.05), 0.02)
    assert executed(found.text())["init_std"] == pytest.approx(0.05)
    assert any("add init_std=init_std to model_args" in note for note in found.document.notes)
    # branch outputs: 0.02 / √(2·2·4) on master, 0.02 / √4 on completep
    out = deviation(found.document, "init_std", "mlp.down.weight")
    assert out.got == pytest.approx(0.005 if format_ == "nanogpt-mup" else 0.01)


def test_one_epsilon_for_all_groups_of_completep(tmp_path: Path) -> None:
    """Depth × 3: embedding and final norm get a third of the planned epsilon."""
    path = emit_recipe(tmp_path, "gpt-completep-tied")
    found = scale(path, width=64, depth=6, format="nanogpt-completep")
    for name in ("token.weight", "position.weight", "norm.weight"):
        d = deviation(found.document, "eps", name)
        assert d.got == pytest.approx(d.wanted / 3)
        assert "since commit 3904404" in d.consequence
    assert not any(
        d.what.startswith("eps") and "blocks" in d.what for d in found.document.deviations
    )


def test_steps_and_missing_biases(tmp_path: Path) -> None:
    path = emit_recipe(tmp_path, "gpt-completep-tied")
    values = executed(scale(path, width=64, depth=6, format="nanogpt-mup").text())
    assert (values["max_iters"], values["lr_decay_iters"]) == (19, 20)  # 0 to 19 are 20 steps
    path.write_text(path.read_text().replace("bias: true", "bias: false"))
    without = scale(path, width=64, depth=6, format="nanogpt-mup").document
    assert deviation(without, "bias", "norm.bias").got == "none"
    path.write_text(path.read_text().replace("bias: false", "bias: true"))
    with_biases = scale(path, width=64, depth=6, format="nanogpt-mup").document
    assert not any(d.what.startswith("bias of") for d in with_biases.deviations)
