"""`tokens`: the token ids in a file."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from mutransfer_cli.data.data_file import PATH, unreadable
from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.token_stream import TokenStream, split_tail
from mutransfer_cli.errors import InputError

DIGEST_TOKENS = 1 << 20  # the digest covers so many tokens at each end, and the file's size


def open_tokens(settings: DataSettings) -> TokenStream:
    """uint16 tokens as nanoGPT writes them, memory-mapped; the last tenth validates.

    Raises:
        InputError: The file cannot be read, is not made of uint16 tokens, or has tokens that the
            model does not know.
    """
    path = settings.file
    try:
        size = path.stat().st_size
        if size == 0 or size % 2:
            raise InputError(
                f"{path}: {size} bytes are not uint16 tokens; write them as nanoGPT does",
                path=PATH,
            )
        tokens = np.memmap(path, dtype=np.uint16, mode="r")
    except OSError as error:
        raise unreadable(path, error) from error
    largest = int(tokens.max())
    if largest >= settings.vocab_size:
        raise InputError(
            f"{path}: holds token {largest}, but model.args.vocab_size is {settings.vocab_size}",
            path=PATH,
        )
    train, held_out = split_tail(tokens)
    ends = sha256(tokens[:DIGEST_TOKENS].tobytes() + tokens[-DIGEST_TOKENS:].tobytes())
    return TokenStream(train, held_out, settings.seq_len, f"{ends.hexdigest()}-{size}")
