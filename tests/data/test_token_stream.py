"""Windows of tokens: targets one later, starts by seed and step alone, a tail held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.stdlib import open_stdlib
from mutransfer_cli.data.text import open_text
from mutransfer_cli.data.tokens import open_tokens
from mutransfer_cli.errors import InputError


def test_windows_and_targets(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    np.arange(1000, dtype=np.uint16).tofile(path)
    source = open_tokens(DataSettings(path=path, seq_len=8, vocab_size=1000))
    x, y = source.batch(0, 0, 4)
    assert x.shape == y.shape == (4, 8)
    assert torch.equal(y, x + 1)  # the file counts up
    assert int(y.max()) < 900  # the last tenth is held out
    held = torch.cat([x for x, _ in source.validation(64)])
    assert int(held.min()) >= 900


def test_batches_are_common_random_numbers() -> None:
    source = open_stdlib(DataSettings(seq_len=16))
    assert torch.equal(source.batch(1, 2, 4)[0], source.batch(1, 2, 4)[0])
    assert not torch.equal(source.batch(1, 2, 4)[0], source.batch(1, 3, 4)[0])
    assert not torch.equal(source.batch(1, 2, 4)[0], source.batch(2, 2, 4)[0])


def test_fewer_tokens_than_a_window(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("hello")
    with pytest.raises(InputError, match=r"fewer than data\.seq_len \+ 1 = 65") as caught:
        open_text(DataSettings(path=path, seq_len=64))
    assert caught.value.path == ("data",)
