"""The bytes of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.text import open_text
from mutransfer_cli.errors import InputError


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: no such file in") as caught:
        open_text(DataSettings(path=tmp_path / "none.txt", seq_len=8))
    assert caught.value.path == ("data", "path")


def test_bytes_are_the_tokens(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(range(200)) + b"\xff" * 100)
    source = open_text(DataSettings(path=path, seq_len=4))
    x, y = source.batch(0, 0, 8)
    assert x.shape == y.shape == (8, 4)
    held, _ = source.validation(64)[0]
    assert set(held.flatten().tolist()) == {255}  # the last tenth: 30 bytes of 255
