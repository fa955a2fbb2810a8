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


def train_globals(**values: object) -> dict[str, object]:
    """Names that train.py has defined when it executes the file; values of its defaults."""
    return {"init_from": "scratch", "init_std": 0.02, "learning_rate": 6e-4, **values}


@pytest.mark.parametrize("format_", ["nanogpt-mup", "nanogpt-completep"])
def test_the_init_reaches_the_model(tmp_path: Path, format_: str) -> None:
    """train.py calls GPTConfig(**model_args) without init_std; the file hands it over."""
    found = scale(emit_recipe(tmp_path, "gpt-one-std"), width=64, format=format_)
    text = found.text()
    branch = {"depth_alpha_enabled": False} if format_ == "nanogpt-completep" else {}

    def config(n_layer: int, init_std: float = 0.02) -> tuple[int, float]:
        return n_layer, init_std

    names = train_globals(mup_enabled=False, GPTConfig=config, **branch)
    exec(text, names)
    assert names["GPTConfig"](n_layer=2) == (2, pytest.approx(0.05))  # type: ignore[operator]  # a function
    mended = names["GPTConfig"](n_layer=2, init_std=0.05)  # type: ignore[operator]  # a function
    assert mended == (2, 0.05)
    names = train_globals(mup_enabled=False, GPTConfig=config, **branch)
    exec(text[: text.index('if "GPTConfig" in')], names)
    assert names["GPTConfig"](n_layer=2) == (2, 0.02)  # type: ignore[operator]  # a function
    deviating = [d for d in found.document.deviations if d.what.startswith("init_std")]
    assert not any("mlp.up" in d.what or "token" in d.what for d in deviating)
    # branch outputs, planned at 0.05 / √4 · 1/√4 (GPT-2's): that on master, 0.05 / √4 on completep
    out = [d for d in deviating if "mlp.down" in d.what]
    if format_ == "nanogpt-mup":
        assert out == []
    else:
        assert (out[0].wanted, out[0].got) == (pytest.approx(0.0125), pytest.approx(0.025))


@pytest.mark.parametrize(
    ("format_", "branches"),
    [("nanogpt-mup", ["master"]), ("nanogpt-completep", ["completep"])],
)
def test_another_branch_stops(tmp_path: Path, format_: str, branches: list[str]) -> None:
    """Karpathy's train.py knows neither name, master one of them, completep both."""
    text = scale(emit_recipe(tmp_path, "gpt-tied"), width=64, format=format_).text()
    known = {"karpathy": (), "master": ("mup_enabled",)}
    known["completep"] = ("mup_enabled", "depth_alpha_enabled")
    for branch, names in known.items():
        values = train_globals(**dict.fromkeys(names, False))
        if branch in branches:
            exec(text, values)
        else:
            with pytest.raises(SystemExit, match=f"branch {branches[0]}"):
                exec(text, values)
    exec(text, {})  # elsewhere it only sets its names


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
