"""Sweeps along several axes, and of the further models, data and optimizers, to the fit's end."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mutransfer_cli.coordcheck.entry import check_target
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep

MLP = """
name: axes
model: {build: mlp}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.0}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, depth: 1, batch: 8, steps: 16}
search: {space: {lr: {log2: [-7, -2], step: 1}}, seeds: 1, extend: 0}
"""


def swept(folder: Path, text: str) -> list[Record]:
    path = folder / "r.yaml"
    path.write_text(text)
    sweep(load(path), folder / "run", device="cpu", workers=2)
    return Run.open(folder / "run").records


def test_every_axis_is_swept_and_fitted(tmp_path: Path) -> None:
    ladder = "ladder: {width: [8, 16], depth: [1, 2], batch: [8, 16], steps: [16, 32]}\n"
    records = swept(tmp_path, MLP + ladder)
    sizes = {(r.width, r.depth, r.batch, r.steps) for r in records}
    # lines through the base; twice the batch sees the same examples in half of the steps
    assert sizes == {(8, 1, 8, 16), (16, 1, 8, 16), (8, 2, 8, 16), (8, 1, 16, 8), (8, 1, 8, 32)}
    found = fit_run(Run.open(tmp_path / "run")).document()
    assert list(found.axes) == ["width", "depth", "batch", "steps"]
    assert {(r.width, r.depth, r.batch, r.steps) for r in found.rungs} == sizes
    assert all(word in found.reason for word in ("width", "depth", "batch", "steps"))


def test_all_combinations(tmp_path: Path) -> None:
    few = MLP.replace("[-7, -2]", "[-5, -4]")
    records = swept(tmp_path, few + "ladder: {width: [8, 16], depth: [1, 2], product: true}\n")
    assert {(r.width, r.depth) for r in records} == {(8, 1), (8, 2), (16, 1), (16, 2)}


IMAGES = """
name: images
model: {build: MODEL, args: ARGS}
optimizer: {name: NAME, lr: 0.02}
data: {source: tensors, path: images.npz}
base: {width: 16, depth: 1, batch: 16, steps: 12}
ladder: {width: [16, 32]}
search: {space: {lr: {log2: [-7, -6], step: 1}}, seeds: 1, extend: 0}
"""
VIT = "{head_dim: 8, image_size: 8, patch_size: 4, num_channels: 1}"


def images(folder: Path) -> None:
    """Three classes: where on the image the bright quarter is."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    x = rng.normal(0, 0.3, (400, 8, 8))
    for i, corner in enumerate(y):
        x[
            i, 4 * (corner // 2) : 4 * (corner // 2) + 4, 4 * (corner % 2) : 4 * (corner % 2) + 4
        ] += 2
    np.savez(folder / "images.npz", x=x.reshape(400, 64).astype(np.float32), y=y)


@pytest.mark.parametrize(
    ("model", "args", "optimizer"),
    [
        ("convnet", "{norm: batch}", "adamw"),
        pytest.param("convnet", "{norm: group}", "sgd", marks=pytest.mark.slow),
        ("convnet", "{norm: group}", "muon"),
        pytest.param("mlp", "{}", "adafactor", marks=pytest.mark.slow),
        ("hf:vit", VIT, "adamw"),
    ],
)
def test_images_are_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, args: str, optimizer: str
) -> None:
    if optimizer == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon")  # torch before 2.9
    monkeypatch.chdir(tmp_path)
    images(tmp_path)
    text = IMAGES.replace("MODEL", model).replace("ARGS", args).replace("NAME", optimizer)
    if optimizer == "sgd":
        text = text.replace("[-7, -6]", "[-1, 0]")
    records = swept(tmp_path, text)
    assert len(records) == 4 and all(r.outcome == "finished" for r in records)
    # below the entropy of three equal classes, which a guess has
    assert min(r.loss for r in records if r.loss is not None) < math.log(3) - 0.05


@pytest.mark.parametrize("model", ["convnet", pytest.param("hf:vit", marks=pytest.mark.slow)])
def test_vision_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.chdir(tmp_path)
    images(tmp_path)
    args = "{}" if model == "convnet" else VIT
    path = tmp_path / "r.yaml"
    text = IMAGES.replace("MODEL", model).replace("ARGS", args).replace("NAME", "adamw")
    path.write_text(text)
    assert check_target(str(path)).verdict == "pass"
    assert check_target(str(path), expect="sp").verdict == "fail"


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"x": np.zeros((4, 64), np.float32)}, "y"),
        ({"x": np.zeros((4, 64), np.float32), "y": np.zeros(5, np.int64)}, "4"),
    ],
)
def test_wrong_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, np.ndarray], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "images.npz", **arrays)  # type: ignore[arg-type]  # numpy's stub knows one keyword
    text = IMAGES.replace("MODEL", "mlp").replace("ARGS", "{}").replace("NAME", "sgd")
    with pytest.raises(InputError, match=rf"images\.npz.*{line}"):
        swept(tmp_path, text)
