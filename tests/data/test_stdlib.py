"""The standard library's text, with a folder of ours in its place."""

from __future__ import annotations

import sysconfig
from hashlib import sha256
from pathlib import Path

import pytest

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.stdlib import open_stdlib
from mutransfer_cli.errors import InputError


def library(folder: Path, patch: pytest.MonkeyPatch, modules: int) -> None:
    """Module i holds eight letters: of the alphabet's i-th."""
    for i in range(modules):
        (folder / f"m{i:02}.py").write_bytes(bytes([ord("a") + i]) * 8)
    (folder / "notes.txt").write_bytes(b"!" * 99)
    (folder / "package.py").mkdir()
    patch.setattr(sysconfig, "get_paths", lambda: {"stdlib": str(folder)})


def test_every_tenth_file_is_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, monkeypatch, 12)
    source = open_stdlib(DataSettings(seq_len=3))
    held = {chr(t) for x, y in source.validation(64) for t in (*x.flatten(), *y.flatten())}
    assert held == {"a", "k"}  # files 0 and 10
    drawn = {chr(t) for step in range(20) for t in source.batch(0, step, 16)[0].flatten()}
    assert drawn == set("bcdefghij") | {"l"}
    train, other = b"".join(bytes([c]) * 8 for c in b"bcdefghijl"), b"a" * 8 + b"k" * 8
    assert source.digest == sha256(train + b"\0" + other).hexdigest()


def test_a_python_without_its_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, monkeypatch, 9)
    with pytest.raises(InputError, match=r"stdlib: no modules in .*use source: text") as caught:
        open_stdlib(DataSettings(seq_len=3))
    assert caught.value.path == ("data", "source")
