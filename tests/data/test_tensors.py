"""A user's own table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.tensors import open_tensors
from mutransfer_cli.errors import InputError

X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 3


def test_every_tenth_row_validates(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, x=X, y=Y)
    ((held_x, held_y),) = open_tensors(DataSettings(path=path)).validation(64)
    assert torch.equal(held_x, torch.tensor([[0.0, 1.0], [20.0, 21.0]]))
    assert held_y.tolist() == [0, 1]


def test_safetensors(tmp_path: Path) -> None:
    save_file = pytest.importorskip("safetensors.torch").save_file
    save_file({"x": torch.tensor(X), "y": torch.tensor(Y)}, tmp_path / "t.safetensors")
    np.savez(tmp_path / "t.npz", x=X, y=Y)
    one, other = (
        open_tensors(DataSettings(path=tmp_path / name)) for name in ("t.npz", "t.safetensors")
    )
    assert one.digest == other.digest


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"x": X}, "expected .npz or .safetensors with arrays x and y"),
        ({"x": X, "y": Y[:-1]}, r"whole numbers y \(n,\) from 0"),
        ({"x": X, "y": Y + 0.5}, r"whole numbers y \(n,\) from 0"),
        ({"x": X, "y": Y - 1}, r"whole numbers y \(n,\) from 0"),
    ],
)
def test_what_is_not_a_table(tmp_path: Path, arrays: dict[str, np.ndarray], line: str) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=line):
        open_tensors(DataSettings(path=path))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, x=np.array([{}] * 20, dtype=object), y=Y)
    with pytest.raises(InputError, match=r"expected \.npz"):
        open_tensors(DataSettings(path=path))
