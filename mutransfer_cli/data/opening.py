"""The source that a recipe names."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mutransfer_cli.data.labelled import Table, Teacher, digits, tensors
from mutransfer_cli.data.protocol import Source
from mutransfer_cli.data.stdlib import stdlib
from mutransfer_cli.data.token_stream import text, token_file
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema.recipe import Recipe


@lru_cache(maxsize=4)
def _opened(
    source: str,
    path: str | None,
    seq_len: int,
    d_in: int,
    d_out: int,
    vocab_size: int,
    file_is: tuple[str, int, int] | None,  # only tells files apart
) -> Source:
    if source == "stdlib":
        return stdlib(seq_len)
    if source in {"text", "tokens"}:
        if path is None:
            raise InputError(f"source {source} needs the path of a file", path=("data", "path"))
        file = Path(path)
        return text(file, seq_len) if source == "text" else token_file(file, seq_len, vocab_size)
    if source == "tensors":
        if path is None:
            raise InputError("source tensors needs the path of a file", path=("data", "path"))
        return tensors(Path(path))
    if source == "digits":
        return digits()
    if source == "teacher":
        return Teacher(d_in, d_out)
    raise InputError(f"{source} is not available in this version", path=("data", "source"))


def open_source(recipe: Recipe) -> Source:
    """Open a recipe's data once per process.

    Raises InputError, naming the key, for a missing or unusable file.
    """
    data = recipe.data
    vocab = recipe.model.args.get("vocab_size", 1 << 16)
    return _opened(
        data.source,
        data.path,
        data.seq_len,
        data.d_in or 256,
        data.d_out or 10,
        int(vocab),
        which(data.path),
    )


def which(path: str | None) -> tuple[str, int, int] | None:
    """The file that a path names here and now; None where there is none."""
    if path is None:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return str(Path(path).resolve()), found.st_mtime_ns, found.st_size


def classes_of(recipe: Recipe) -> tuple[int | None, int | None]:
    """Numbers per input and classes of the recipe's data; those of a file are read from it.

    Raises InputError where the recipe says otherwise than the file.
    """
    data = recipe.data
    if data.source != "tensors":
        return data.d_in, data.d_out
    table = open_source(recipe)
    assert isinstance(table, Table)
    for name, said, found in (("d_in", data.d_in, table.d_in), ("d_out", data.d_out, table.d_out)):
        if said is not None and (said < found if name == "d_out" else said != found):
            raise InputError(
                f"{data.path} has {found}, the recipe says {said}", path=("data", name)
            )
    return table.d_in, data.d_out or table.d_out
