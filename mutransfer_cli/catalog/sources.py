"""Data sources of the built-in batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mutransfer_cli.catalog.registry import Entry, Registry

DataKind: TypeAlias = Literal["tokens", "vectors"]
BYTES = 256  # vocabulary of sources that yield bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry(Entry):
    """A row for a data source; its implementation is a `data.protocol.OpenSource`.

    Attributes:
        yields: `tokens`: windows of `data.seq_len` token ids; `vectors`: `d_in` numbers and a
            class below `d_out`.
        reads_file: Whether it reads the file at `data.path`; otherwise that key is refused.
        vocab_size: Number of different tokens; None if the source does not know it.
        d_in: Default of `data.d_in`; None for tokens, or if the file determines it.
        d_out: Default of `data.d_out`; None for tokens, or if the file determines it.
        fixed_sizes: Whether `d_in` and `d_out` are fixed.
        requires: Package that it needs in addition to mutransfer's own dependencies.
        example: The `data:` section of a commented recipe; empty: generated from the other fields.
    """

    yields: DataKind
    reads_file: bool = False
    vocab_size: int | None = None
    d_in: int | None = None
    d_out: int | None = None
    fixed_sizes: bool = False
    requires: str | None = None
    example: str = ""

    @property
    def sizes_in_file(self) -> bool:
        """Whether `d_in` and `d_out` are only known once the file has been opened."""
        return self.yields == "vectors" and self.reads_file


SOURCES = Registry(
    "sources",
    SourceEntry,
    [
        SourceEntry(
            name="stdlib",
            summary="bytes of Python's standard library",
            implementation="mutransfer_cli.data.stdlib:open_stdlib",
            yields="tokens",
            vocab_size=BYTES,
            example="""\
# The text of Python's standard library. Your own: {source: text, path: corpus.txt, seq_len: 64},
# or token ids: {source: tokens, path: FILE, seq_len: 64} with vocab_size in model.args.
data: {source: stdlib, seq_len: 64}""",
        ),
        SourceEntry(
            name="words",
            summary="words of Python's standard library, as many as model.args.vocab_size",
            implementation="mutransfer_cli.data.words:open_words",
            yields="tokens",
        ),
        SourceEntry(
            name="text",
            summary="bytes of a text file",
            implementation="mutransfer_cli.data.text:open_text",
            yields="tokens",
            reads_file=True,
            vocab_size=BYTES,
        ),
        SourceEntry(
            name="tokens",
            summary="token ids of a file, uint16 as nanoGPT writes them",
            implementation="mutransfer_cli.data.tokens:open_tokens",
            yields="tokens",
            reads_file=True,
        ),
        SourceEntry(
            name="digits",
            summary="scikit-learn's handwritten digits",
            implementation="mutransfer_cli.data.digits:open_digits",
            yields="vectors",
            d_in=64,
            d_out=10,
            fixed_sizes=True,
            requires="scikit-learn",
            example="""\
# Handwritten digits of scikit-learn, 8×8. Your own images as flat vectors x and classes y:
# {source: tensors, path: FILE.npz}.
data: {source: digits}""",
        ),
        SourceEntry(
            name="teacher",
            summary="standard normal inputs, classes of a fixed random network",
            implementation="mutransfer_cli.data.teacher:open_teacher",
            yields="vectors",
            d_in=256,
            d_out=10,
            example="""\
# Classes drawn by a fixed random teacher; or the handwritten digits: {source: digits}.
data: {source: teacher, d_in: 256, d_out: 10}""",
        ),
        SourceEntry(
            name="tensors",
            summary="arrays x and y of an .npz or .safetensors file",
            implementation="mutransfer_cli.data.tensors:open_tensors",
            yields="vectors",
            reads_file=True,
        ),
    ],
)
