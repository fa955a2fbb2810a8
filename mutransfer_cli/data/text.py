"""`text`: the bytes of a file."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from mutransfer_cli.data.data_file import unreadable
from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.token_stream import TokenStream, split_tail


def open_text(settings: DataSettings) -> TokenStream:
    """The bytes of a file as tokens 0 to 255; the last tenth validates.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        content = settings.file.read_bytes()
    except OSError as error:
        raise unreadable(settings.file, error) from error
    train, held_out = split_tail(np.frombuffer(content, np.uint8))
    return TokenStream(train, held_out, settings.seq_len, sha256(content).hexdigest())
