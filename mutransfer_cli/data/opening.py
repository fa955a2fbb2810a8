"""Opens the source that a recipe names, once per process."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import cast

from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.data.data_file import PATH, FileVersion, file_version
from mutransfer_cli.data.protocol import (
    UINT16_TOKENS,
    DataSettings,
    OpenSource,
    Source,
    VectorSource,
)
from mutransfer_cli.data.shaped_inputs import shaped
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema.recipe import Recipe

log = logging.getLogger(__name__)


@lru_cache(maxsize=8)
def _opened(name: str, settings: DataSettings, version: FileVersion | None) -> Source:
    """Open a source; `version` makes the cache miss if the file at the path was replaced."""
    opener: OpenSource = SOURCES[name].load()
    source = opener(settings)
    if version is None:
        log.info("data: opened %s, digest %s", name, source.digest)
    else:
        log.info(
            "data: opened %s %s, %d bytes, digest %s",
            name,
            version.resolved,
            version.size,
            source.digest,
        )
    return source


def open_source(recipe: Recipe, seq_len: int | None = None) -> Source:
    """Open a recipe's data; a file that was replaced since is opened again.

    Args:
        recipe: The recipe.
        seq_len: Tokens of a sequence; None: those of the recipe.

    Raises:
        InputError: There is no such source, or its data are missing or unusable.
    """
    data = recipe.data
    row = SOURCES.require(data.source, ("data", "source"))
    if row.reads_file and data.path is None:
        raise InputError(f"source {row.name} needs the path of a file", path=PATH)
    path = None if data.path is None else Path(data.path)
    settings = DataSettings(
        path=path,
        seq_len=seq_len or data.seq_len,
        d_in=data.d_in or row.d_in,
        d_out=data.d_out or row.d_out,
        vocab_size=int(recipe.model.args.get("vocab_size", UINT16_TOKENS)),
    )
    source = _opened(row.name, settings, file_version(path))
    if data.shape is None:
        return source
    return shaped(cast(VectorSource, source), tuple(data.shape), row.name)


def input_and_class_counts(recipe: Recipe) -> tuple[int | None, int | None]:
    """Numbers per input and classes of the recipe's data; those of a file are read from it.

    Raises:
        InputError: The recipe and the file disagree.
    """
    data = recipe.data
    if data.source not in SOURCES or not SOURCES[data.source].sizes_in_file:
        return data.d_in, data.d_out
    source = cast(VectorSource, open_source(recipe))
    if data.d_in not in (None, source.d_in):
        _refuse_size("d_in", data.path, source.d_in, data.d_in)
    if data.d_out is not None and data.d_out < source.d_out:
        _refuse_size("d_out", data.path, source.d_out, data.d_out)
    return source.d_in, data.d_out or source.d_out


def _refuse_size(name: str, path: str | None, in_file: int, in_recipe: int | None) -> None:
    raise InputError(f"{path} has {in_file}, the recipe says {in_recipe}", path=("data", name))
