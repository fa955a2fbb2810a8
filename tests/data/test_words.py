"""The standard library's words, with a folder of ours in its place."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.words import open_words
from mutransfer_cli.errors import InputError


def library(folder: Path, patch: pytest.MonkeyPatch, modules: int) -> None:
    """Every module says the same; of the words, `b` is the rarest."""
    for i in range(modules):
        (folder / f"m{i:02}.py").write_text("a = a + b\n")
    patch.setattr(sysconfig, "get_paths", lambda: {"stdlib": str(folder)})


def test_the_most_frequent_words_are_the_first_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: a twice a line; newline, +, = and b once each, in the order of their characters."""
    library(tmp_path, monkeypatch, 12)
    source = open_words(DataSettings(seq_len=5, vocab_size=6))
    tokens = {"a": 1, "\n": 2, "+": 3, "=": 4, "b": 5}
    line = [tokens[word] for word in ("a", "=", "a", "+", "b", "\n")]
    assert source.train[:12].tolist() == line * 2
    assert len(source.held_out) == 2 * 6  # files 0 and 10


def test_words_outside_of_the_vocabulary_share_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library(tmp_path, monkeypatch, 12)
    source = open_words(DataSettings(seq_len=5, vocab_size=3))
    assert source.train[:6].tolist() == [1, 0, 1, 0, 0, 2]
    assert source.digest != open_words(DataSettings(seq_len=5, vocab_size=4)).digest


def test_a_python_without_its_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, monkeypatch, 9)
    with pytest.raises(InputError, match=r"words: no modules in .*use source: tokens") as caught:
        open_words(DataSettings(seq_len=3))
    assert caught.value.path == ("data", "source")
