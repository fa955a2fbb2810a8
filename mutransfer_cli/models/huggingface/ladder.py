"""Proxies for a Hugging Face model: the narrowest sizes that keep its head size and ratios."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.huggingface.scaled_config import (
    DEPTH,
    GROWS,
    HEAD_SIZE,
    HEADS,
    KEYS,
    MORE_HEADS,
    WIDTH,
    first,
    known_config,
)
from mutransfer_cli.recipe.template import Proxies

NARROWEST = 64  # narrower, the infinite-width limit is too far
HEAVY = 1024  # no rung is wider than this, unless two are needed
SHALLOW = 4
SMALL_HEAD = 16
TARGET = 16  # times the widest rung, where there is no target yet


def proxies_of(model: str) -> Proxies:
    """Base and ladder for `hf:TYPE` or `hf:config.json`.

    A file is a target that exists: its head size and its ratios are kept. A type is a place to
    start: its proxies have small heads.

    Raises InputError for a type or file that transformers cannot make a config of.
    """
    kind, values, from_file = known_config(model.removeprefix("hf:"))
    name = first(values, WIDTH)
    if name is None:
        raise InputError(
            f"--model {model}: its config has no hidden size that is known here ("
            f"{', '.join(WIDTH)}); take package.module:callable with a builder of your own"
        )
    width = values[name]
    depth = values.get(first(values, DEPTH) or "", 2)
    dense = values.get("first_k_dense_replace") or 0  # the blocks of DeepSeek that are no mixture
    images = isinstance(values.get("image_size"), int)
    args: dict[str, object] = {}
    count, own = first(values, HEADS), first(values, HEAD_SIZE)
    head = (values[own] if own else width // values[count]) if count else 1
    latent = "qk_rope_head_dim" in values  # its heads have several sizes, which all stay
    if not from_file and count and not latent:
        args[own or "head_dim"] = SMALL_HEAD
        head = SMALL_HEAD
        if (values.get("rotary_dim") or 0) > head:
            args["rotary_dim"] = head
    if images:
        args |= {"image_size": 8, "patch_size": 2, "num_channels": 1}
    elif from_file and "vocab_size" in values:
        args["vocab_size"] = 256
    unit = narrowest(values, width, count, head)
    start = unit * -(-NARROWEST // unit)
    widest = max(min(width, HEAVY), 2 * start)
    widths = tuple(w for w in (start, 2 * start, 4 * start) if w <= widest)
    if not from_file and width <= widths[-1]:  # a default config is no target
        width = TARGET * widths[-1]
    return Proxies(
        model=kind,
        base=widths[-2],
        widths=widths,
        depth=max(1, min(max(SHALLOW if from_file else 2, dense + 1), depth)),
        target=(width, depth),
        args=args,
        images=images,
        vocabulary=values.get("vocab_size") if from_file and not images else None,
    )


def narrowest(values: Mapping[str, Any], width: int, count: str | None, head: int) -> int:
    """The width at which every number that follows it is whole, and of which all others are made.

    Widths w = k·width/g with g the common divisor of everything that is scaled; the number of
    heads at head size h is scaled from width·share/h.
    """
    followers = [values[n] for n in GROWS & values.keys() if isinstance(values[n], int)]
    parts = [width, *(v for v in followers if v > 1)]
    if count:
        own = first(dict(values), HEAD_SIZE)
        total = values[count] * (values[own] if own else width // values[count])
        number = total // head
        parts.append(number)
        for name in (*KEYS, *MORE_HEADS):
            if isinstance(values.get(name), int):
                parts.append(number * values[name] // values[count])
    return width // gcd(*parts)
