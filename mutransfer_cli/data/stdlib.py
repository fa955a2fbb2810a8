"""`stdlib`: the source text of Python's standard library, which every machine has."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.standard_library import standard_library
from mutransfer_cli.data.token_stream import TokenStream


def open_stdlib(settings: DataSettings) -> TokenStream:
    """Bytes of the top-level modules in sorted order, split by file.

    Raises:
        InputError: This Python has no sources of its standard library.
    """
    parts = [
        b"".join(p.read_bytes() for p in files) for files in standard_library("stdlib", "text")
    ]
    return TokenStream(
        np.frombuffer(parts[0], np.uint8),
        np.frombuffer(parts[1], np.uint8),
        settings.seq_len,
        sha256(parts[0] + b"\0" + parts[1]).hexdigest(),
    )
