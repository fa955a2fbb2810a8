"""A file of uint16 tokens: what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.tokens import open_tokens
from mutransfer_cli.errors import InputError


def test_an_odd_number_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "odd.bin"
    path.write_bytes(b"abc")
    with pytest.raises(InputError, match=r"odd\.bin: 3 bytes are not uint16"):
        open_tokens(DataSettings(path=path, seq_len=8, vocab_size=256))


def test_a_token_that_the_model_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "high.bin"
    np.full(100, 300, np.uint16).tofile(path)
    with pytest.raises(
        InputError, match=r"holds token 300, but model\.args\.vocab_size is 256"
    ) as caught:
        open_tokens(DataSettings(path=path, seq_len=8, vocab_size=256))
    assert caught.value.path == ("data", "path")
