"""A Hugging Face config at a size; nothing is downloaded.

Every entry that follows the hidden size is scaled with it; the head size stays, and the number of
heads grows in the config's own ratio. What the recipe's `model.args` give is held fixed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from mutransfer_cli.catalog.fields import show
from mutransfer_cli.catalog.sizes import FURTHER_AXES
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.data.opening import input_and_class_counts
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.huggingface.config_entries import (
    AXIS_ENTRIES,
    FURTHER_HEAD_COUNTS,
    FURTHER_LAYER_COUNTS,
    HEAD_COUNT,
    HEAD_SIZE,
    HIDDEN_SIZE,
    KEY_HEAD_COUNT,
    LAYER_COUNT,
    NOT_PER_LAYER,
    SPECIAL_TOKENS,
    KnownConfig,
    entries_that_follow,
    entry_called,
    first_entry,
    known_config,
)
from mutransfer_cli.models.huggingface.transformers_import import import_transformers
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size

log = logging.getLogger(__name__)

LARGEST = 1 << 40  # of any size
EXTRA_ARGUMENTS = ("head_dim", "num_labels", "attn_implementation")  # known to every type


def config_at(recipe: Recipe, size: Size) -> Any:
    """The config of the recipe's model at a size.

    Raises:
        InputError: An argument that the config does not have, an entry that would not be a whole
            number, or a config that its own class refuses.
    """
    known = known_config(recipe.model.build.removeprefix("hf:"))
    fixed = _fixed_entries(recipe, known)
    model, values = recipe.model, known.values
    of_axes = _entries_of_axes(recipe, values, size)
    if model.width or model.depth:
        scaled = {n: _whole(t * size.width, n, size.width) for n, t in model.width.items()}
        scaled |= {n: _whole(t * size.depth, n, size.width) for n, t in model.depth.items()}
    else:
        scaled = _scaled_entries(values, {**fixed, **of_axes}, size)
    scaled |= of_axes
    log.debug("hf: %s at width %d, depth %d: %s", known.model_type, size.width, size.depth, scaled)
    given = {k: v for k, v in fixed.items() if k in values or k == "num_labels"}
    # a config may change what it is given, and `values` are shared
    entries = deepcopy({**(values if known.from_file else {}), **scaled, **given})
    vocabulary = entries.get("vocab_size", values.get("vocab_size"))
    for name in SPECIAL_TOKENS:
        token = entries.get(name, values.get(name))
        if isinstance(token, int) and isinstance(vocabulary, int) and token >= vocabulary:
            entries[name] = None
    entries.pop("model_type", None)
    config_class = import_transformers().CONFIG_MAPPING[known.model_type]
    require_whole_groups(recipe, entries, size.width)
    try:
        return config_class(**{**entries, "use_cache": False})
    except Exception as error:  # configs check their entries with errors of many classes
        message = " ".join(str(error).split())
        raise InputError(
            f"hf:{known.model_type}: its config refuses: {message}", path=blamed(message, fixed)
        ) from error


def blamed(message: str, given: Iterable[str]) -> tuple[str, ...]:
    """The key of the recipe that a refusal names: the longest name of an argument in it."""
    words = set(re.findall(r"\w+", message))
    name = max(words.intersection(given), key=len, default="")
    return ("model", "args", name) if name else ("model",)


def require_whole_groups(recipe: Recipe, entries: Mapping[str, Any], width: int) -> None:
    """Check that every key and value head serves the same number of query heads.

    At the target the forward pass is not run, so that it would not be seen there.

    Args:
        recipe: The recipe.
        entries: The config's entries at this width.
        width: The width.

    Raises:
        InputError: The number of heads is no multiple of that of key and value heads.
    """
    names = (first_entry(entries, HEAD_COUNT), first_entry(entries, KEY_HEAD_COUNT))
    if None in names or not all(isinstance(entries[n], int) and entries[n] for n in names if n):
        return
    heads, groups = names
    assert heads is not None and groups is not None
    if entries[heads] % entries[groups]:
        fixed = groups in recipe.model.args
        raise InputError(
            f"width {width}: {heads} is {entries[heads]}, no multiple of {groups} "
            f"{entries[groups]}; expected a number of heads that it divides",
            path=("model", "args", groups) if fixed else ("model",),
        )


def _fixed_entries(recipe: Recipe, known: KnownConfig) -> dict[str, Any]:
    """`model.args`, with the vocabulary and the classes of the data."""
    fixed = {}
    for name, value in recipe.model.args.items():
        entry = name if name in EXTRA_ARGUMENTS else entry_called(known, name)
        if entry is None:
            close = get_close_matches(name, known.values, n=1)
            raise InputError(
                f"hf:{known.model_type} has no such entry in its config"
                + (f"; did you mean {close[0]}?" if close else ""),
                path=("model", "args", name),
            )
        fixed[entry] = value
    for name in ("vocab_size", *HEAD_COUNT, *KEY_HEAD_COUNT):
        if isinstance(fixed.get(name), int) and fixed[name] < 1:
            raise InputError(
                f"expected a whole number from 1, found {show(fixed[name])}",
                path=("model", "args", name),
            )
    vocabulary = SOURCES.require(recipe.data.source, ("data", "source")).vocab_size
    if vocabulary is not None and not known.from_file:
        fixed.setdefault("vocab_size", vocabulary)
    _, classes = input_and_class_counts(recipe)
    if classes is not None:
        fixed.setdefault("num_labels", classes)
    return fixed


def _scaled_entries(
    values: Mapping[str, Any], fixed: Mapping[str, Any], size: Size
) -> dict[str, Any]:
    """The entries that follow width and depth, at a size."""
    hidden_size, head_count = first_entry(values, HIDDEN_SIZE), first_entry(values, HEAD_COUNT)
    if hidden_size is None:
        raise InputError(
            "its config has no hidden size that is known here; give model.width, such as "
            "{hidden_size: 1}",
            path=("model",),
        )
    ratio = size.width / _size(values, hidden_size)
    scaled: dict[str, Any] = {hidden_size: size.width}
    for name in entries_that_follow(values):
        if isinstance(values[name], int) and values[name] > 1 and name not in fixed:
            scaled[name] = _whole(_size(values, name) * ratio, name, size.width)
    if head_count is not None:
        scaled |= _scaled_heads(values, fixed, hidden_size, head_count, size.width)
    layer_count = first_entry(values, LAYER_COUNT)
    if layer_count is not None:
        scaled[layer_count] = size.depth
        layers = _size(values, layer_count)
        for name in FURTHER_LAYER_COUNTS:
            if isinstance(values.get(name), int):
                scaled[name] = _whole(_size(values, name) * size.depth / layers, name, size.width)
        for name in values.keys() - fixed.keys() - NOT_PER_LAYER:  # one value per layer
            value = values[name]
            if isinstance(value, list) and len(value) == layers:
                scaled[name] = [value[i % layers] for i in range(size.depth)]
    return scaled


def _entries_of_axes(recipe: Recipe, values: Mapping[str, Any], size: Size) -> dict[str, Any]:
    """The entries that follow further axes, such as the number of experts, at a size.

    Raises:
        InputError: The config has no entry for an axis.
    """
    scaled = {}
    for axis in FURTHER_AXES:
        for name, factor in (getattr(recipe.model, axis.name, None) or {}).items():
            known = [n for n in AXIS_ENTRIES.get(axis.name, ()) if n in values]
            entry = name if name in values else next(iter(known), None)
            if entry is None:
                example = AXIS_ENTRIES.get(axis.name, (name,))[0]
                raise InputError(
                    f"its config has no entry for {axis.name} that is known here; give "
                    f"model.{axis.name}, such as {{{example}: 1}}",
                    path=("model", axis.name),
                )
            scaled[entry] = _whole(factor * getattr(size, axis.size), entry, size.width)
    return scaled


def _scaled_heads(
    values: Mapping[str, Any],
    fixed: Mapping[str, Any],
    hidden_size: str,
    head_count: str,
    width: int,
) -> dict[str, Any]:
    """Number and size of the heads at a width: the size stays, unless the number is held fixed.

    Args:
        values: The config's entries.
        fixed: Entries that the recipe holds fixed.
        hidden_size: Name of the entry that is the width.
        head_count: Name of the entry that is the number of heads.
        width: The width.
    """
    head_size = first_entry(values, HEAD_SIZE)
    hidden, heads = _size(values, hidden_size), _size(values, head_count)
    size = _size(values, head_size) if head_size else hidden // heads
    share = heads * size / hidden  # of the width that the queries have
    if head_count in fixed:
        per_head = _whole(width * share / _size(fixed, head_count), "head size", width)
        return {head_size: per_head} if head_size else {}
    own = next((name for name in (head_size, "head_dim") if name in fixed), None)
    size = size if own is None else _size(fixed, own)
    if size < 1:
        raise InputError(f"{hidden_size} {hidden} is less than {head_count} {heads}", ("model",))
    cause = ("model",) if own is None else ("model", "args", own)
    count = _whole(width * share / size, head_count, width, cause)
    scaled = {head_count: count}
    if head_size:
        scaled[head_size] = size
    for name in (*KEY_HEAD_COUNT, *FURTHER_HEAD_COUNTS):
        if isinstance(values.get(name), int) and name not in fixed:
            scaled[name] = _whole(_size(values, name) / heads * count, name, width)
    return scaled


def _size(values: Mapping[str, Any], name: str) -> int:
    """An entry that is a size.

    Raises:
        InputError: It is not a whole number from 1.
    """
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        raise InputError(
            f"{name}: expected a whole number from 1 to {LARGEST}, found {show(value)}",
            path=("model",),
        )
    return value


def _whole(value: float, name: str, width: int, cause: tuple[str, ...] = ("model",)) -> int:
    """The value of an entry at a width, which has to be a whole number.

    Args:
        value: The value.
        name: Name of the entry.
        width: The width.
        cause: Path of the recipe's key that decides on it.

    Raises:
        InputError: It is not a whole number.
    """
    if value < 1 or abs(value - round(value)) > 1e-9 * value:
        raise InputError(
            f"width {width}: {name} would be {value:g}, not a whole number; take a width "
            "that keeps it whole, or hold it fixed in model.args",
            path=cause,
        )
    return round(value)
