"""`stdlib`: the source text of Python's standard library, which every machine has."""

from __future__ import annotations

import sysconfig
from hashlib import sha256
from pathlib import Path

import numpy as np

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.token_stream import TokenStream
from mutransfer_cli.errors import InputError

HELD_OUT = 10  # one file in this many is held out for validation


def open_stdlib(settings: DataSettings) -> TokenStream:
    """Bytes of the top-level modules in sorted order, split by file.

    Raises:
        InputError: This Python has no sources of its standard library.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(p for p in folder.glob("*.py") if p.is_file())
    if len(files) < HELD_OUT:
        raise InputError(
            f"stdlib: no modules in {folder}; use source: text with a path", path=("data", "source")
        )
    train = b"".join(p.read_bytes() for i, p in enumerate(files) if i % HELD_OUT)
    held_out = b"".join(p.read_bytes() for i, p in enumerate(files) if i % HELD_OUT == 0)
    return TokenStream(
        np.frombuffer(train, np.uint8),
        np.frombuffer(held_out, np.uint8),
        settings.seq_len,
        sha256(train + b"\0" + held_out).hexdigest(),
    )
