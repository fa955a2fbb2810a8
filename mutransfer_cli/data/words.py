"""`words`: the words of Python's standard library, a vocabulary as large as the model's."""

from __future__ import annotations

import re
import sysconfig
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np

from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.data.stdlib import HELD_OUT
from mutransfer_cli.data.token_stream import TokenStream
from mutransfer_cli.errors import InputError

WORD = re.compile(r"\w+|[^\w\s]|\n")  # words, single signs and ends of lines
UNKNOWN = 0  # the token of all words that are not in the vocabulary


def open_words(settings: DataSettings) -> TokenStream:
    """The most frequent words of the training files as tokens 1 to vocab_size - 1, split by file.

    Raises:
        InputError: This Python has no sources of its standard library.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(p for p in folder.glob("*.py") if p.is_file())
    if len(files) < HELD_OUT:
        raise InputError(
            f"words: no modules in {folder}; use source: tokens with a path", ("data", "source")
        )
    texts = [p.read_text(encoding="utf-8", errors="replace") for p in files]
    train = [word for i, text in enumerate(texts) if i % HELD_OUT for word in WORD.findall(text)]
    held_out = [w for i, text in enumerate(texts) if i % HELD_OUT == 0 for w in WORD.findall(text)]
    # by frequency, then by name, so that the numbers depend on the text alone
    ranked = sorted(Counter(train).items(), key=lambda item: (-item[1], item[0]))
    known = {word: i for i, (word, _) in enumerate(ranked[: settings.vocab_size - 1], start=1)}
    parts = [
        np.array([known.get(word, UNKNOWN) for word in part], dtype=np.int32)
        for part in (train, held_out)
    ]
    digest = sha256(parts[0].tobytes() + b"\0" + parts[1].tobytes()).hexdigest()
    return TokenStream(parts[0], parts[1], settings.seq_len, digest)
