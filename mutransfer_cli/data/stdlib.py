"""The text that every machine with Python has: the standard library's own top-level modules."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from mutransfer_cli.data.token_stream import Tokens, from_bytes
from mutransfer_cli.errors import InputError

HELD_OUT = 10  # every tenth file validates


def stdlib(seq_len: int) -> Tokens:
    """Bytes of the top-level modules in sorted order, split by file."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(p for p in folder.glob("*.py") if p.is_file())
    if len(files) < HELD_OUT:
        raise InputError(
            f"stdlib: no modules in {folder}; use source: text with a path", path=("data", "source")
        )
    train = b"".join(p.read_bytes() for i, p in enumerate(files) if i % HELD_OUT)
    held_out = b"".join(p.read_bytes() for i, p in enumerate(files) if i % HELD_OUT == 0)
    return from_bytes(train, held_out, seq_len)
