"""`words`: the words of Python's standard library, a vocabulary as large as the model's."""

from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256

import numpy as np

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.standard_library import standard_library
from mutransfer_cli.data.token_stream import TokenStream

WORD = re.compile(r"\w+|[^\w\s]|\n")  # words, single signs and ends of lines
UNKNOWN = 0  # the token of all words that are not in the vocabulary


def open_words(settings: DataSettings) -> TokenStream:
    """The most frequent words of the training files as tokens 1 to vocab_size - 1, split by file.

    Raises:
        InputError: This Python has no sources of its standard library.
    """
    train, held_out = (
        [
            word
            for path in files
            for word in WORD.findall(path.read_text(encoding="utf-8", errors="replace"))
        ]
        for files in standard_library("words", "tokens")
    )
    # by frequency, then by name, so that the numbers depend on the text alone
    ranked = sorted(Counter(train).items(), key=lambda item: (-item[1], item[0]))
    known = {word: i for i, (word, _) in enumerate(ranked[: settings.vocab_size - 1], start=1)}
    parts = [
        np.array([known.get(word, UNKNOWN) for word in part], dtype=np.int32)
        for part in (train, held_out)
    ]
    digest = sha256(parts[0].tobytes() + b"\0" + parts[1].tobytes()).hexdigest()
    return TokenStream(parts[0], parts[1], settings.seq_len, digest)
